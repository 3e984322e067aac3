//! The disk image of `cargo xtask image`, which `run --boot uefi` boots as well.

use super::{BootFile, esp, iso};
use anyhow::{Context, Result, ensure};
use std::{fs, io::Write, path::Path};

/// Writes an image that boots `program` with `files` beside it.
///
/// The file appears whole or not at all.
pub fn write(mut files: Vec<BootFile>, program: &Path, output: &Path) -> Result<()> {
    let contents =
        fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    files.push(BootFile { path: esp::BOOT_PROGRAM.to_owned(), contents });
    let image = iso::build(&esp::build(&files)?);
    replace(output, &image).with_context(|| format!("cannot write {}", output.display()))
}

/// Refuses a place where no file can be written, before any work is done.
pub fn check_output(output: &Path) -> Result<()> {
    let (shown, folder) = (output.display(), folder_of(output));
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

/// Writes `bytes` to a new file beside `output`, then puts it in its place.
fn replace(output: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = tempfile::Builder::new().prefix(".myria-").tempfile_in(folder_of(output))?;
    file.write_all(bytes)?;
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
        write(files, &program, output)
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
    fn a_failed_write_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let occupied = folder.path().join("a.iso");
        fs::create_dir(&occupied).expect("a folder");
        assert!(replace(&occupied, b"x").is_err());
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}
