//! The boot catalogue: what firmware starts from a CD.

use super::put;

/// Platforms (El Torito 2.1; UEFI 13.3.2.1).
const X86_BIOS: u8 = 0;
const EFI: u8 = 0xef;

/// Bytes of any entry.
const ENTRY: usize = 32;
/// BIOS loads one sector of a CD, in blocks of 512 bytes.
const BIOS_BLOCKS: u16 = 4;

/// Writes the catalogue: the EFI system partition at sector `esp`, and what BIOS
/// starts, if anything. BIOS looks at the first entry only, UEFI at all.
pub fn write(target: &mut [u8], esp: usize, esp_size: usize, bios: Option<usize>) {
    // A size that does not fit is written as 0, which UEFI reads as "up to the end
    // of the CD".
    let blocks = u16::try_from(esp_size.div_ceil(512)).unwrap_or(0);
    match bios {
        None => {
            validation(&mut target[..ENTRY], EFI);
            entry(&mut target[ENTRY..2 * ENTRY], esp, blocks);
        }
        Some(bios) => {
            validation(&mut target[..ENTRY], X86_BIOS);
            entry(&mut target[ENTRY..2 * ENTRY], bios, BIOS_BLOCKS);
            // El Torito 2.3 "Section Header Entry": the last one, with one entry.
            put(target, 2 * ENTRY, &[0x91, EFI, 1, 0]);
            entry(&mut target[3 * ENTRY..4 * ENTRY], esp, blocks);
        }
    }
}

/// El Torito 2.1 "Validation Entry".
fn validation(target: &mut [u8], platform: u8) {
    put(target, 0, &[1, platform]);
    put(target, 4, b"Myria");
    put(target, 30, &[0x55, 0xaa]);
    // All words of the entry add up to zero.
    let sum = sum(target);
    put(target, 28, &sum.wrapping_neg().to_le_bytes());
}

/// El Torito 2.2 "Initial/Default Entry" and 2.4 "Section Entry": bootable, no
/// emulation.
fn entry(target: &mut [u8], sector: usize, blocks: u16) {
    put(target, 0, &[0x88]);
    put(target, 6, &blocks.to_le_bytes());
    put(target, 8, &(sector as u32).to_le_bytes());
}

fn sum(entry: &[u8]) -> u16 {
    entry
        .chunks(2)
        .fold(0_u16, |sum, word| sum.wrapping_add(u16::from_le_bytes([word[0], word[1]])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_sums_up_to_zero() {
        for bios in [None, Some(100)] {
            let mut target = [0; 2048];
            write(&mut target, 24, 4 << 20, bios);
            assert_eq!(sum(&target[..ENTRY]), 0);
        }
    }

    #[test]
    fn an_esp_too_large_for_the_catalogue_reaches_to_the_end() {
        for (size, blocks) in [(64 << 20, 0), (1 << 20, 2048_u16)] {
            let mut target = [0; 2048];
            write(&mut target, 24, size, None);
            assert_eq!(target[38..40], blocks.to_le_bytes());
        }
    }

    #[test]
    fn bios_comes_first_and_uefi_second() {
        let mut target = [0; 2048];
        write(&mut target, 24, 1 << 20, Some(100));
        assert_eq!((target[1], target[40]), (X86_BIOS, 100));
        assert_eq!((target[64], target[65], target[104]), (0x91, EFI, 24));
    }
}
