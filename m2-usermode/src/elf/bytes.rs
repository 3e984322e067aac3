//! Numbers and ranges in a file that need not be long enough.

use super::ElfError;
use core::ops::Range;

/// `bytes` at `offset` as a range within `file`.
pub fn range(file: &[u8], offset: u64, bytes: u64) -> Result<Range<usize>, ElfError> {
    let truncated = ElfError::Truncated { offset, bytes, file: file.len() };
    let end = offset.checked_add(bytes).filter(|&end| end <= file.len() as u64);
    // Both are at most the file's length, which is a usize.
    end.map(|end| offset as usize..end as usize).ok_or(truncated)
}

fn array<const N: usize>(file: &[u8], offset: usize) -> Result<[u8; N], ElfError> {
    let truncated =
        ElfError::Truncated { offset: offset as u64, bytes: N as u64, file: file.len() };
    let bytes = file.get(offset..).and_then(|rest| rest.first_chunk());
    bytes.copied().ok_or(truncated)
}

/// The number of two bytes at `offset`.
pub fn u16_at(file: &[u8], offset: usize) -> Result<u16, ElfError> {
    array(file, offset).map(u16::from_le_bytes)
}

/// The number of four bytes at `offset`.
pub fn u32_at(file: &[u8], offset: usize) -> Result<u32, ElfError> {
    array(file, offset).map(u32::from_le_bytes)
}

/// The number of eight bytes at `offset`.
pub fn u64_at(file: &[u8], offset: usize) -> Result<u64, ElfError> {
    array(file, offset).map(u64::from_le_bytes)
}
