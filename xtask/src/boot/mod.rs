//! What a kernel is booted from, and the [`way`]s to do it. The same files are in
//! all ways to boot: in an archive (`fast`) or on a disk image (`uefi`, `limine`).

pub mod archive;
pub mod config;
pub mod esp;
pub mod gpt;
pub mod image;
pub mod iso;
pub mod kernel;
pub mod variables;
pub mod way;

/// The name of the archive among a trial's files.
pub const ARCHIVE: &str = "boot.tar";

/// A file that the loader hands to the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Its name below `/boot`.
    pub name: String,
    /// The string that goes with it.
    pub cmdline: String,
    /// Its contents.
    pub contents: Vec<u8>,
}

/// A file of the boot volume.
#[derive(Clone)]
pub struct BootFile {
    /// Path from the volume's root, without leading slash.
    pub path: String,
    /// Its contents.
    pub contents: Vec<u8>,
}

/// The files that boot `kernel`: configuration, kernel, modules.
pub fn files(config: String, kernel: Vec<u8>, modules: &[Module]) -> Vec<BootFile> {
    let mut files = vec![
        BootFile { path: "limine.conf".to_owned(), contents: config.into_bytes() },
        BootFile { path: "boot/kernel".to_owned(), contents: kernel },
    ];
    files.extend(modules.iter().map(|module| BootFile {
        path: format!("boot/{}", module.name),
        contents: module.contents.clone(),
    }));
    files
}
