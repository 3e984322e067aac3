//! A disk image that boots by UEFI from a CD, a hard disk and a USB stick alike.
//!
//! It is a CD (ISO 9660 with an El Torito boot catalogue) whose first 32 KiB,
//! unused by that standard, hold a partition table. Both name the same EFI system
//! partition:
//!
//! ```text
//! sector of 2048 bytes
//!  0 … 15   protective MBR and GPT         16  primary volume descriptor
//!      17   boot record                    18  end of descriptors
//!      19   boot catalogue                 20  path tables (two)
//!      22   root directory                 24  EFI system partition …
//!     end   second GPT
//! ```
//!
//! Chapters: ECMA-119 (ISO 9660) 8 "Volume descriptors", 9.1 "Directory record",
//! 9.4 "Path table record"; El Torito specification 1.0, section 2; UEFI 2.10,
//! 13.3.2 "File System Format".

use super::gpt;

/// The sector of a CD.
const SECTOR: usize = 2048;
const VOLUME_DESCRIPTOR: usize = 16;
const BOOT_RECORD: usize = 17;
const END_OF_DESCRIPTORS: usize = 18;
const CATALOGUE: usize = 19;
const PATH_TABLE_LITTLE: usize = 20;
const PATH_TABLE_BIG: usize = 21;
const ROOT: usize = 22;
const PARTITION: usize = 24;

/// The one path table record: the root directory.
const PATH_TABLE_SIZE: usize = 10;
/// Disks and CDs count in different sectors.
const GPT_SECTORS: usize = SECTOR / gpt::SECTOR;

/// A file in the root directory.
struct File {
    /// Name and version, as ISO 9660 has them.
    name: &'static [u8],
    sector: usize,
    size: usize,
}

/// The image around the EFI system partition `esp`.
pub fn build(esp: &[u8]) -> Vec<u8> {
    let esp_sectors = esp.len().div_ceil(SECTOR);
    let tail_sectors = gpt::TAIL_SECTORS.div_ceil(GPT_SECTORS);
    let sectors = PARTITION + esp_sectors + tail_sectors;
    let mut image = vec![0; sectors * SECTOR];
    let files = [
        File { name: b"BOOT.CAT;1", sector: CATALOGUE, size: SECTOR },
        File { name: b"ESP.IMG;1", sector: PARTITION, size: esp.len() },
    ];

    volume_descriptor(sector(&mut image, VOLUME_DESCRIPTOR), sectors);
    boot_record(sector(&mut image, BOOT_RECORD));
    descriptor_head(sector(&mut image, END_OF_DESCRIPTORS), 255);
    catalogue(sector(&mut image, CATALOGUE), esp.len());
    path_table(sector(&mut image, PATH_TABLE_LITTLE), &(ROOT as u32).to_le_bytes(), &[1, 0]);
    path_table(sector(&mut image, PATH_TABLE_BIG), &(ROOT as u32).to_be_bytes(), &[0, 1]);
    root_directory(sector(&mut image, ROOT), &files);
    put(&mut image, PARTITION * SECTOR, esp);
    let first = PARTITION * GPT_SECTORS;
    gpt::write(&mut image, first..first + esp_sectors * GPT_SECTORS);
    image
}

/// What all volume descriptors begin with.
fn descriptor_head(target: &mut [u8], kind: u8) {
    put(target, 0, &[kind]);
    put(target, 1, b"CD001\x01");
}

/// ECMA-119 8.4 "Primary Volume Descriptor".
fn volume_descriptor(target: &mut [u8], sectors: usize) {
    descriptor_head(target, 1);
    // Text fields are filled with spaces: system, volume …
    target[8..72].fill(b' ');
    put(target, 40, b"MYRIA");
    put(target, 80, &both_endian_32(sectors));
    put(target, 120, &both_endian_16(1));
    put(target, 124, &both_endian_16(1));
    put(target, 128, &both_endian_16(SECTOR));
    put(target, 132, &both_endian_32(PATH_TABLE_SIZE));
    put(target, 140, &(PATH_TABLE_LITTLE as u32).to_le_bytes());
    put(target, 148, &(PATH_TABLE_BIG as u32).to_be_bytes());
    put(target, 156, &directory_record(&[0], ROOT, SECTOR, true));
    // … volume set, publisher, preparer, application, three file names.
    target[190..813].fill(b' ');
    // Four times "no date": sixteen zero digits and no offset.
    for index in 0..4 {
        target[813 + 17 * index..][..16].fill(b'0');
    }
    put(target, 881, &[1]);
}

/// El Torito figure 7: where the catalogue is.
fn boot_record(target: &mut [u8]) {
    descriptor_head(target, 0);
    put(target, 7, b"EL TORITO SPECIFICATION");
    put(target, 71, &(CATALOGUE as u32).to_le_bytes());
}

/// El Torito 2.1 "Validation Entry" and 2.2 "Initial/Default Entry".
fn catalogue(target: &mut [u8], esp_size: usize) {
    // Platform 0xEF is EFI (UEFI 13.3.2.1).
    put(target, 0, &[1, 0xef]);
    put(target, 4, b"Myria");
    put(target, 30, &[0x55, 0xaa]);
    // All words of the entry add up to zero.
    let sum = target[..32]
        .chunks(2)
        .fold(0_u16, |sum, word| sum.wrapping_add(u16::from_le_bytes([word[0], word[1]])));
    put(target, 28, &sum.wrapping_neg().to_le_bytes());
    // Bootable, no emulation. A size that does not fit is written as 0, which
    // UEFI reads as "up to the end of the CD".
    let blocks = u16::try_from(esp_size.div_ceil(512)).unwrap_or(0);
    put(target, 32, &[0x88]);
    put(target, 38, &blocks.to_le_bytes());
    put(target, 40, &(PARTITION as u32).to_le_bytes());
}

/// ECMA-119 9.4: the root directory, which is its own parent.
fn path_table(target: &mut [u8], location: &[u8], parent: &[u8]) {
    put(target, 0, &[1, 0]);
    put(target, 2, location);
    put(target, 6, parent);
}

fn root_directory(target: &mut [u8], files: &[File]) {
    let own = directory_record(&[0], ROOT, SECTOR, true);
    let parent = directory_record(&[1], ROOT, SECTOR, true);
    let others =
        files.iter().map(|file| directory_record(file.name, file.sector, file.size, false));
    let mut at = 0;
    for record in [own, parent].into_iter().chain(others) {
        put(target, at, &record);
        at += record.len();
    }
}

/// ECMA-119 9.1, without a date.
fn directory_record(name: &[u8], sector: usize, size: usize, is_folder: bool) -> Vec<u8> {
    let length = (33 + name.len()).next_multiple_of(2);
    let mut record = vec![0; length];
    record[0] = length as u8;
    put(&mut record, 2, &both_endian_32(sector));
    put(&mut record, 10, &both_endian_32(size));
    record[25] = if is_folder { 2 } else { 0 };
    put(&mut record, 28, &both_endian_16(1));
    record[32] = name.len() as u8;
    put(&mut record, 33, name);
    record
}

/// ECMA-119 7.3.3: both byte orders, one after the other.
fn both_endian_32(value: usize) -> [u8; 8] {
    // An image is far smaller than 2^32 sectors, and a file than 4 GiB.
    let value = value as u32;
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&value.to_le_bytes());
    bytes[4..].copy_from_slice(&value.to_be_bytes());
    bytes
}

/// ECMA-119 7.2.3.
fn both_endian_16(value: usize) -> [u8; 4] {
    let [low, high, ..] = value.to_le_bytes();
    [low, high, high, low]
}

fn sector(image: &mut [u8], index: usize) -> &mut [u8] {
    &mut image[index * SECTOR..][..SECTOR]
}

fn put(target: &mut [u8], at: usize, bytes: &[u8]) {
    target[at..at + bytes.len()].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn esp() -> Vec<u8> {
        (0..5 << 20).map(|index| (index % 251) as u8).collect()
    }

    fn number(image: &[u8], at: usize) -> usize {
        u32::from_le_bytes(image[at..at + 4].try_into().expect("four bytes")) as usize
    }

    #[test]
    fn cd_and_disk_name_the_same_partition() {
        let esp = esp();
        let image = build(&esp);
        let catalogue = number(&image, BOOT_RECORD * SECTOR + 71) * SECTOR;
        let by_cd = number(&image, catalogue + 40) * SECTOR;
        let by_disk = number(&image, 2 * gpt::SECTOR + 32) * gpt::SECTOR;
        assert_eq!(by_cd, by_disk);
        assert!(image[by_cd..][..esp.len()] == esp);
        let last = number(&image, 2 * gpt::SECTOR + 40);
        assert!((last + 1 + gpt::TAIL_SECTORS) * gpt::SECTOR <= image.len());
    }

    #[test]
    fn the_catalogue_sums_up_to_zero() {
        let image = build(&esp());
        let entry = &image[CATALOGUE * SECTOR..][..32];
        let sum = entry
            .chunks(2)
            .fold(0_u16, |sum, word| sum.wrapping_add(u16::from_le_bytes([word[0], word[1]])));
        assert_eq!(sum, 0);
    }

    #[test]
    fn an_esp_too_large_for_the_catalogue_reaches_to_the_end() {
        let mut entry = [0; SECTOR];
        catalogue(&mut entry, 64 << 20);
        assert_eq!(entry[38..40], [0, 0]);
        catalogue(&mut entry, 1 << 20);
        assert_eq!(entry[38..40], 2048_u16.to_le_bytes());
    }
}
