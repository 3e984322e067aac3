//! The disk image of `cargo xtask image`, which `run --boot uefi` boots as well.

use super::{BootFile, esp, iso};
use crate::limine::{self, tool};
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// What boots an image's kernel.
pub struct Loader<'a> {
    /// The UEFI program.
    program: &'a Path,
    /// Limine's folder, if it can boot by BIOS as well.
    bios: Option<&'a Path>,
    /// Limine's tool, if it is there.
    tool: Option<PathBuf>,
}

impl<'a> Loader<'a> {
    /// Our own loader.
    pub fn ours(program: &'a Path) -> Self {
        Self { program, bios: None, tool: None }
    }

    /// Limine, with whatever of it lies beside its UEFI program.
    pub fn limine(program: &'a Path) -> Self {
        let bios = program.parent().filter(|folder| tool::boots_by_bios(folder));
        Self { program, bios, tool: bios.and_then(tool::find) }
    }

    /// How an image with it boots, for people.
    pub fn ways(&self) -> &'static str {
        match (self.bios, &self.tool) {
            (None, _) => "UEFI, as a CD, a hard disk or a USB stick",
            (Some(_), None) => "UEFI, as a CD, a hard disk or a USB stick; BIOS, as a CD only",
            (Some(_), Some(_)) => "UEFI and BIOS, as a CD, a hard disk or a USB stick",
        }
    }
}

/// Writes an image that boots by `loader` with `files` beside it.
///
/// The file appears whole or not at all.
pub fn write(mut files: Vec<BootFile>, loader: &Loader, output: &Path) -> Result<()> {
    let Loader { program, bios, tool } = loader;
    let mut cd_files = Vec::new();
    let mut boot_sector = Vec::new();
    if let Some(folder) = bios {
        boot_sector = read(&folder.join(limine::BIOS_CD))?;
        cd_files = files.clone();
        let contents = read(&folder.join(limine::BIOS_SYSTEM))?;
        cd_files.push(BootFile { path: limine::BIOS_SYSTEM.to_owned(), contents });
    }
    files.push(BootFile { path: esp::BOOT_PROGRAM.to_owned(), contents: read(program)? });
    let bios = bios.map(|_| iso::Bios { boot_sector: &boot_sector, files: &cd_files });
    let image = iso::build(&esp::build(&files)?, bios.as_ref())?;
    replace(output, &image, tool.as_deref())
        .with_context(|| format!("cannot write {}", output.display()))
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

/// Refuses a place where no file can be written, before any work is done. Devices
/// are never written: one wrong letter would cost a disk.
pub fn check_output(output: &Path) -> Result<()> {
    let (shown, folder) = (output.display(), folder_of(output));
    if let Ok(metadata) = fs::metadata(output) {
        ensure!(
            metadata.is_file() || metadata.is_dir(),
            "cannot write {shown}: it is a device; write an image to a file, and copy that to the \
             device yourself"
        );
    }
    ensure!(!output.is_dir(), "cannot write {shown}: it is a folder; give the name of a file");
    ensure!(
        folder.is_dir(),
        "cannot write {shown}: there is no folder {}; create it first",
        folder.display()
    );
    Ok(())
}

fn folder_of(output: &Path) -> &Path {
    match output.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Writes `bytes` to a new file beside `output`, has `tool` add boot code for BIOS,
/// then puts the file in its place.
fn replace(output: &Path, bytes: &[u8], tool: Option<&Path>) -> Result<()> {
    let mut file = tempfile::Builder::new().prefix(".myria-").tempfile_in(folder_of(output))?;
    file.write_all(bytes)?;
    if let Some(tool) = tool {
        tool::install(tool, file.path())?;
    }
    // A temporary file is private; an image is an ordinary file.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    file.persist(output).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_sample(output: &Path) -> Result<()> {
        let program = output.with_file_name("program.efi");
        fs::write(&program, b"MZ")?;
        let files = vec![BootFile { path: "limine.conf".into(), contents: b"timeout: 0".to_vec() }];
        write(files, &Loader::ours(&program), output)
    }

    #[test]
    fn same_input_same_bytes() {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, second) = (folder.path().join("1.iso"), folder.path().join("2.iso"));
        write_sample(&first).expect("an image");
        // FAT counts in steps of two seconds.
        std::thread::sleep(std::time::Duration::from_millis(2100));
        write_sample(&second).expect("an image");
        assert!(fs::read(first).expect("bytes") == fs::read(second).expect("bytes"));
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let missing = folder.path().join("none");
        let error = check_output(&missing.join("a.iso")).expect_err("no folder");
        assert!(error.to_string().contains(&format!("{}", missing.display())), "{error}");
        assert!(check_output(folder.path()).is_err());
        assert!(check_output(&folder.path().join("a.iso")).is_ok());
    }

    #[test]
    fn a_device_is_never_written() {
        let error = check_output(Path::new("/dev/null")).expect_err("a device");
        assert!(error.to_string().contains("it is a device"), "{error}");
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let occupied = folder.path().join("a.iso");
        fs::create_dir(&occupied).expect("a folder");
        assert!(replace(&occupied, b"x", None).is_err());
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}
