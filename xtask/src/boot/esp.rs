//! The EFI system partition: a FAT file system with the boot files and the
//! program that firmware starts.

use super::BootFile;
use anyhow::{Context, Result};
use fatfs::{FileSystem, FormatVolumeOptions, FsOptions};
use std::io::{Cursor, Write};

/// Where firmware looks for a program on removable media (UEFI specification
/// 2.10, 3.5.1.1 "Removable Media Boot Behavior").
pub const BOOT_PROGRAM: &str = "EFI/BOOT/BOOTX64.EFI";

/// Sizes are whole multiples of this.
const UNIT: usize = 1 << 20;
/// A file takes whole clusters, none larger than this here, and its name some
/// directory space.
const OVERHEAD_PER_FILE: usize = 32 << 10;
/// Fixed, so that the same files give the same bytes.
const VOLUME_ID: u32 = 0x4d79_7269;
const LABEL: [u8; 11] = *b"MYRIA      ";

/// A FAT volume that holds `files` and nothing else.
///
/// The same files give the same bytes: fatfs without its `chrono` feature stamps
/// every file with the FAT epoch.
pub fn build(files: &[BootFile]) -> Result<Vec<u8>> {
    let content: usize = files.iter().map(|file| file.contents.len() + OVERHEAD_PER_FILE).sum();
    // The tables take at most a hundredth, and firmware likes no tiny volume.
    let size = (content + content / 50 + UNIT).next_multiple_of(UNIT).max(4 * UNIT);
    let mut volume = vec![0; size];
    let options = FormatVolumeOptions::new().volume_id(VOLUME_ID).volume_label(LABEL);
    fatfs::format_volume(Cursor::new(volume.as_mut_slice()), options)
        .context("cannot format the EFI system partition")?;
    fill(&mut volume, files).context("cannot fill the EFI system partition")?;
    Ok(volume)
}

fn fill(volume: &mut [u8], files: &[BootFile]) -> std::io::Result<()> {
    let system = FileSystem::new(Cursor::new(volume), FsOptions::new())?;
    for file in files {
        let mut folder = system.root_dir();
        let mut parts = file.path.split('/').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_some() {
                // Opens the folder if it is there already.
                folder = folder.create_dir(part)?;
            } else {
                folder.create_file(part)?.write_all(&file.contents)?;
            }
        }
    }
    system.unmount()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn files_can_be_read_back() {
        let large = vec![0x5a; 3 << 20];
        let files = [
            BootFile { path: BOOT_PROGRAM.into(), contents: b"MZ".to_vec() },
            BootFile { path: "boot/kernel".into(), contents: large.clone() },
            BootFile { path: "boot/a longer name.txt".into(), contents: b"text".to_vec() },
        ];
        let mut volume = build(&files).expect("a volume");
        let system = FileSystem::new(Cursor::new(&mut volume[..]), FsOptions::new()).expect("FAT");
        for file in &files {
            let mut found = Vec::new();
            let mut opened = system.root_dir().open_file(&file.path).expect("the file");
            opened.read_to_end(&mut found).expect("its bytes");
            assert!(found == file.contents, "{}", file.path);
        }
    }
}
