//! What to boot: the configuration and the files it names, read from the boot
//! volume and checked as far as they can be without the machine.

use arrayvec::ArrayVec;

use crate::{
    archive::Archive,
    conf::{self, MAX_MODULES},
    error::{CONFIGURATION, FileError, LoadError},
    image::{self, Image},
};

/// Where the boot files come from.
pub trait Volume<'a> {
    /// The contents of the file `path`, relative to the volume's root.
    ///
    /// # Errors
    /// Why there are none.
    fn read(&mut self, path: &str) -> Result<&'a [u8], FileError>;
}

impl<'a> Volume<'a> for Archive<'a> {
    fn read(&mut self, path: &str) -> Result<&'a [u8], FileError> {
        self.find(path).map_err(FileError::Archive)?.ok_or(FileError::Missing)
    }
}

/// A file with what the configuration says of it.
#[derive(Clone, Copy, Debug)]
pub struct BootFile<'a> {
    /// Path relative to the volume's root.
    pub path: &'a str,
    /// Command line.
    pub cmdline: &'a str,
    /// Contents.
    pub contents: &'a [u8],
}

/// Everything to boot.
#[derive(Clone, Debug)]
pub struct BootFiles<'a> {
    /// The kernel.
    pub kernel: BootFile<'a>,
    /// How to load it.
    pub image: Image<'a>,
    /// The modules.
    pub modules: ArrayVec<BootFile<'a>, MAX_MODULES>,
}

/// Reads the configuration and all that it names.
///
/// # Errors
/// The first thing missing or wrong.
pub fn gather<'a>(volume: &mut impl Volume<'a>) -> Result<BootFiles<'a>, LoadError<'a>> {
    let mut read = |role, path: &'a str| {
        volume.read(path).map_err(|error| LoadError::File { role, path, error })
    };
    let configuration = read("configuration", CONFIGURATION)?;
    let entry = conf::parse(configuration).map_err(LoadError::Configuration)?;
    let (path, cmdline) = (entry.kernel_path, entry.cmdline);
    let kernel = BootFile { path, cmdline, contents: read("kernel", path)? };
    let image = image::plan(kernel.contents).map_err(|error| LoadError::Kernel { path, error })?;
    let mut modules = ArrayVec::new();
    for &conf::Module { path, cmdline } in &entry.modules {
        modules.push(BootFile { path, cmdline, contents: read("module", path)? });
    }
    Ok(BootFiles { kernel, image, modules })
}
