//! A disk image that boots by UEFI from a CD, a hard disk and a USB stick alike, and
//! with Limine's boot code by BIOS as well.
//!
//! It is a CD (ISO 9660 with an El Torito boot [`catalogue`]) whose first 32 KiB,
//! unused by that standard, hold a partition table. Both name the same EFI system
//! partition:
//!
//! ```text
//! sector of 2048 bytes
//!  0 … 15   protective MBR and GPT         16  primary volume descriptor
//!      17   boot record                    18  end of descriptors
//!      19   boot catalogue                 20  path tables (two)
//!      22   root directory                 24  EFI system partition …
//!      …    for BIOS: boot sector, files and their folders
//!     end   second GPT
//! ```
//!
//! BIOS knows no partitions on a CD, and Limine's boot sector looks for the rest of
//! Limine, configuration and kernel among the files of the CD itself; so these are
//! there a second time.
//!
//! Chapters: ECMA-119 (ISO 9660) 8 "Volume descriptors", 9.1 "Directory record",
//! 9.4 "Path table record"; El Torito specification 1.0, section 2; UEFI 2.10,
//! 13.3.2 "File System Format".

mod catalogue;
mod directory;

use super::{BootFile, gpt};
use anyhow::{Context, Result, ensure};
use directory::Tree;

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

/// Disks and CDs count in different sectors.
const GPT_SECTORS: usize = SECTOR / gpt::SECTOR;

/// What an image needs to boot by BIOS.
pub struct Bios<'a> {
    /// What BIOS loads from a CD, with room for a boot information table.
    pub boot_sector: &'a [u8],
    /// The files it goes on with.
    pub files: &'a [BootFile],
}

/// The image around the EFI system partition `esp`.
///
/// # Errors
/// A file for BIOS has a path that ISO 9660 cannot hold.
pub fn build(esp: &[u8], bios: Option<&Bios>) -> Result<Vec<u8>> {
    let esp_sectors = esp.len().div_ceil(SECTOR);
    let mut content = Content { bytes: Vec::new(), first: PARTITION };
    content.append(esp);
    let mut tree = Tree::new();
    tree.add_file("BOOT.CAT", CATALOGUE, SECTOR)?;
    tree.add_file("ESP.IMG", PARTITION, esp.len())?;
    let bios_sector = bios.map(|bios| add_bios(&mut content, &mut tree, bios)).transpose()?;
    tree.lay_out(ROOT, content.next());
    let mut folders = tree.contents();
    let (_, root) = folders.next().context("a volume has a root")?;
    ensure!(root.len() <= (PARTITION - ROOT) * SECTOR, "too many files in a CD's root");
    for (_, folder) in folders {
        content.append(&folder);
    }

    let tail_sectors = gpt::TAIL_SECTORS.div_ceil(GPT_SECTORS);
    let sectors = content.next() + tail_sectors;
    let mut image = vec![0; sectors * SECTOR];
    let little = tree.path_table(u32::to_le_bytes, u16::to_le_bytes);
    let big = tree.path_table(u32::to_be_bytes, u16::to_be_bytes);
    ensure!(big.len() <= SECTOR, "too many folders for a CD's path table");
    let descriptor = sector(&mut image, VOLUME_DESCRIPTOR);
    volume_descriptor(descriptor, sectors, &tree.root_record(), big.len());
    boot_record(sector(&mut image, BOOT_RECORD));
    descriptor_head(sector(&mut image, END_OF_DESCRIPTORS), 255);
    catalogue::write(sector(&mut image, CATALOGUE), PARTITION, esp.len(), bios_sector);
    put(&mut image, PATH_TABLE_LITTLE * SECTOR, &little);
    put(&mut image, PATH_TABLE_BIG * SECTOR, &big);
    put(&mut image, ROOT * SECTOR, &root);
    put(&mut image, PARTITION * SECTOR, &content.bytes);
    let first = PARTITION * GPT_SECTORS;
    gpt::write(&mut image, first..first + esp_sectors * GPT_SECTORS);
    Ok(image)
}

/// Appends what BIOS needs; the sector of the boot sector.
fn add_bios(content: &mut Content, tree: &mut Tree, bios: &Bios) -> Result<usize> {
    let own = content.append(&with_information(bios.boot_sector, content.next())?);
    tree.add_file("BIOS.IMG", own, bios.boot_sector.len())?;
    for file in bios.files {
        let sector = content.append(&file.contents);
        tree.add_file(&file.path, sector, file.contents.len())?;
    }
    Ok(own)
}

/// What lies between the tables at the beginning and the one at the end.
struct Content {
    bytes: Vec<u8>,
    /// The sector of its first byte.
    first: usize,
}

impl Content {
    /// The sector that is appended to next.
    fn next(&self) -> usize {
        self.first + self.bytes.len() / SECTOR
    }

    /// Appends a file and says in which sector it begins.
    fn append(&mut self, bytes: &[u8]) -> usize {
        let sector = self.next();
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(SECTOR), 0);
        sector
    }
}

/// The boot sector with the El Torito boot information table that Limine reads:
/// where it lies itself (genisoimage(1), "EL TORITO BOOT INFORMATION TABLE").
fn with_information(boot_sector: &[u8], own_sector: usize) -> Result<Vec<u8>> {
    let mut bytes = boot_sector.to_vec();
    let rest = bytes.get(64..).context("the BIOS boot sector is too short to be one")?;
    let sum = rest.chunks(4).fold(0_u32, |sum, word| {
        let mut whole = [0; 4];
        whole[..word.len()].copy_from_slice(word);
        sum.wrapping_add(u32::from_le_bytes(whole))
    });
    put(&mut bytes, 8, &(VOLUME_DESCRIPTOR as u32).to_le_bytes());
    put(&mut bytes, 12, &u32::try_from(own_sector)?.to_le_bytes());
    put(&mut bytes, 16, &u32::try_from(boot_sector.len())?.to_le_bytes());
    put(&mut bytes, 20, &sum.to_le_bytes());
    Ok(bytes)
}

/// What all volume descriptors begin with.
fn descriptor_head(target: &mut [u8], kind: u8) {
    put(target, 0, &[kind]);
    put(target, 1, b"CD001\x01");
}

/// ECMA-119 8.4 "Primary Volume Descriptor".
fn volume_descriptor(target: &mut [u8], sectors: usize, root: &[u8], path_table_size: usize) {
    descriptor_head(target, 1);
    // Text fields are filled with spaces: system, volume …
    target[8..72].fill(b' ');
    put(target, 40, b"MYRIA");
    put(target, 80, &both_endian_32(sectors));
    put(target, 120, &both_endian_16(1));
    put(target, 124, &both_endian_16(1));
    put(target, 128, &both_endian_16(SECTOR));
    put(target, 132, &both_endian_32(path_table_size));
    put(target, 140, &(PATH_TABLE_LITTLE as u32).to_le_bytes());
    put(target, 148, &(PATH_TABLE_BIG as u32).to_be_bytes());
    put(target, 156, root);
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
        let image = build(&esp, None).expect("an image");
        let catalogue = number(&image, BOOT_RECORD * SECTOR + 71) * SECTOR;
        let by_cd = number(&image, catalogue + 40) * SECTOR;
        let by_disk = number(&image, 2 * gpt::SECTOR + 32) * gpt::SECTOR;
        assert_eq!(by_cd, by_disk);
        assert!(image[by_cd..][..esp.len()] == esp);
        let last = number(&image, 2 * gpt::SECTOR + 40);
        assert!((last + 1 + gpt::TAIL_SECTORS) * gpt::SECTOR <= image.len());
    }

    #[test]
    fn a_boot_sector_is_told_where_it_lies() {
        let boot_sector = [1; 164];
        let bios = Bios { boot_sector: &boot_sector, files: &[] };
        let image = build(&esp(), Some(&bios)).expect("an image");
        let catalogue = number(&image, BOOT_RECORD * SECTOR + 71) * SECTOR;
        let at = number(&image, catalogue + 40);
        let told = |offset: usize| number(&image, at * SECTOR + offset);
        assert_eq!((told(8), told(12), told(16)), (VOLUME_DESCRIPTOR, at, 164));
        assert_eq!(told(20), 0x0101_0101 * 25);
    }

    #[test]
    fn a_path_that_cannot_be_written_is_refused() {
        for path in ["boot/a-name-longer-than-thirty-characters.txt", "b/a.b.c"] {
            let files = [BootFile { path: path.into(), contents: vec![1] }];
            let bios = Bios { boot_sector: &[0; 2048], files: &files };
            let error = build(&[0; SECTOR], Some(&bios)).expect_err(path);
            assert!(error.to_string().contains(path), "{error}");
        }
    }
}
