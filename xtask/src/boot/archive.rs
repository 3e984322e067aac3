//! The archive that `fast` boots from: POSIX ustar, QEMU's initial ramdisk.
//!
//! The same files give the same bytes: no times, no owners.

use super::BootFile;
use anyhow::{Context, Result};
use std::path::Path;

/// Writes `files` to the archive `output`.
pub fn write(files: &[BootFile], output: &Path) -> Result<()> {
    let bytes = pack(files).context("cannot pack the boot archive")?;
    std::fs::write(output, bytes).with_context(|| format!("cannot write {}", output.display()))
}

fn pack(files: &[BootFile]) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(file.contents.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        archive.append_data(&mut header, &file.path, file.contents.as_slice())?;
    }
    archive.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<BootFile> {
        vec![
            BootFile { path: "limine.conf".into(), contents: b"timeout: 0\n".to_vec() },
            BootFile { path: "boot/kernel".into(), contents: vec![7; 1000] },
        ]
    }

    #[test]
    fn same_files_same_bytes() {
        assert_eq!(pack(&sample()).expect("packs"), pack(&sample()).expect("packs"));
    }

    #[test]
    fn members_are_plain_ustar_files() {
        let bytes = pack(&sample()).expect("packs");
        assert_eq!(&bytes[..11], b"limine.conf");
        assert_eq!(&bytes[257..265], b"ustar\x0000");
        assert_eq!(&bytes[512..523], b"timeout: 0\n");
        assert_eq!(&bytes[1024..1035], b"boot/kernel");
    }
}
