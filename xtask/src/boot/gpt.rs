//! A GUID partition table with one partition (UEFI specification 2.10, chapter 5
//! "GUID Partition Table (GPT) Disk Layout").
//!
//! Identifiers are fixed: the same content gives the same bytes.

use std::ops::Range;

/// The unit of a partition table on a disk or USB stick.
pub const SECTOR: usize = 512;
/// Sectors before the first that a partition may use: protective MBR, header,
/// 128 entries.
pub const HEAD_SECTORS: usize = 2 + ENTRY_SECTORS;
/// Sectors after the last that a partition may use: entries, header.
pub const TAIL_SECTORS: usize = 1 + ENTRY_SECTORS;

const ENTRIES: usize = 128;
const ENTRY_SIZE: usize = 128;
const ENTRY_SECTORS: usize = ENTRIES * ENTRY_SIZE / SECTOR;
const HEADER_SIZE: usize = 92;

/// C12A7328-F81F-11D2-BA4B-00A0C93EC93B, "EFI System Partition", as stored.
const ESP_TYPE: [u8; 16] = [
    0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b,
];
/// Version 8 identifiers (RFC 9562, 5.8): vendor-defined, here text.
const DISK_ID: [u8; 16] = *b"Myria\0\0\x80\x80disk\0\0\0";
const PARTITION_ID: [u8; 16] = *b"Myria\0\0\x80\x80esp\0\0\0\0";

/// Writes both tables and the protective MBR to `disk`, whose sectors
/// `partition` are the EFI system partition.
pub fn write(disk: &mut [u8], partition: Range<usize>) {
    let last = disk.len() / SECTOR - 1;
    let mut entries = vec![0; ENTRIES * ENTRY_SIZE];
    put(&mut entries, 0, &ESP_TYPE);
    put(&mut entries, 16, &PARTITION_ID);
    put(&mut entries, 32, &(partition.start as u64).to_le_bytes());
    put(&mut entries, 40, &(partition.end as u64 - 1).to_le_bytes());
    for (index, unit) in "EFI system".encode_utf16().enumerate() {
        put(&mut entries, 56 + 2 * index, &unit.to_le_bytes());
    }

    protective_mbr(disk, last);
    put(disk, 2 * SECTOR, &entries);
    put(disk, SECTOR, &header(1, last, 2, last, &entries));
    put(disk, (last - ENTRY_SECTORS) * SECTOR, &entries);
    put(disk, last * SECTOR, &header(last, 1, last - ENTRY_SECTORS, last, &entries));
}

/// A header at sector `own`, whose copy is at `other`, on a disk that ends with
/// sector `last`. (5.3.2 "GPT Header")
fn header(
    own: usize,
    other: usize,
    table: usize,
    last: usize,
    entries: &[u8],
) -> [u8; HEADER_SIZE] {
    let mut header = [0; HEADER_SIZE];
    put(&mut header, 0, b"EFI PART");
    put(&mut header, 8, &0x0001_0000_u32.to_le_bytes());
    put(&mut header, 12, &(HEADER_SIZE as u32).to_le_bytes());
    put(&mut header, 24, &(own as u64).to_le_bytes());
    put(&mut header, 32, &(other as u64).to_le_bytes());
    put(&mut header, 40, &(HEAD_SECTORS as u64).to_le_bytes());
    put(&mut header, 48, &((last - TAIL_SECTORS) as u64).to_le_bytes());
    put(&mut header, 56, &DISK_ID);
    put(&mut header, 72, &(table as u64).to_le_bytes());
    put(&mut header, 80, &(ENTRIES as u32).to_le_bytes());
    put(&mut header, 84, &(ENTRY_SIZE as u32).to_le_bytes());
    put(&mut header, 88, &crc32(entries).to_le_bytes());
    // The header's own sum is taken with this field zero.
    let sum = crc32(&header);
    put(&mut header, 16, &sum.to_le_bytes());
    header
}

/// One partition of type 0xEE over the whole disk keeps old tools away.
/// (5.2.3 "Protective MBR")
fn protective_mbr(disk: &mut [u8], last: usize) {
    let sectors = u32::try_from(last).unwrap_or(u32::MAX);
    put(disk, 446, &[0, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff]);
    put(disk, 454, &1_u32.to_le_bytes());
    put(disk, 458, &sectors.to_le_bytes());
    put(disk, 510, &[0x55, 0xaa]);
}

fn put(target: &mut [u8], at: usize, bytes: &[u8]) {
    target[at..at + bytes.len()].copy_from_slice(bytes);
}

/// The CRC-32 of Ethernet and zip, which GPT uses.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            (sum >> 1) ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_has_its_published_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn both_headers_point_at_each_other_and_sum_up() {
        let mut disk = vec![0; 1000 * SECTOR];
        write(&mut disk, 64..900);
        for own in [1, 999] {
            let mut header = disk[own * SECTOR..][..HEADER_SIZE].to_vec();
            let number = |at: usize| {
                u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes")) as usize
            };
            assert_eq!((number(24), number(32)), (own, 1000 - own));
            assert_eq!((number(40), number(48)), (34, 966));
            let entries = &disk[number(72) * SECTOR..][..ENTRIES * ENTRY_SIZE];
            assert_eq!(header[88..92], crc32(entries).to_le_bytes());
            let sum: [u8; 4] = header[16..20].try_into().expect("four bytes");
            header[16..20].fill(0);
            assert_eq!(sum, crc32(&header).to_le_bytes());
        }
    }
}
