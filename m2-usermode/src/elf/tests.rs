//! Files good, spoiled, and random.

use super::*;
use proptest::prelude::*;

/// A good file: text, constants with two relocations, data with zeros behind.
///
/// Every part is where the constants below say, so that tests can spoil it.
pub(crate) fn sample() -> Vec<u8> {
    let mut file = vec![0; FILE_BYTES];
    put(&mut file, 0, b"\x7fELF\x02\x01\x01");
    put(&mut file, header::TYPE, &header::POSITION_INDEPENDENT.to_le_bytes());
    put(&mut file, header::MACHINE, &header::X86_64.to_le_bytes());
    put_u64(&mut file, header::ENTRY, ENTRY);
    put_u64(&mut file, header::TABLE, TABLE as u64);
    put(&mut file, header::ENTRY_BYTES, &(program_header::BYTES as u16).to_le_bytes());
    put(&mut file, header::ENTRIES, &4_u16.to_le_bytes());
    for (index, (kind, flags, offset, address, in_file, in_memory)) in [
        (1, 5, TEXT, 0, 0x30, 0x30),
        (1, 4, CONSTANTS, 0x1000, 0x100, 0x100),
        (1, 6, DATA, 0x2000, 0x20, 0x1800),
        (2, 4, DYNAMIC, 0x1000 + (DYNAMIC - CONSTANTS) as u64, 0x40, 0x40),
    ]
    .into_iter()
    .enumerate()
    {
        let at = TABLE + index * program_header::BYTES;
        put(&mut file, at, &u32::to_le_bytes(kind));
        put(&mut file, at + program_header::FLAGS, &u32::to_le_bytes(flags));
        put_u64(&mut file, at + program_header::OFFSET, offset as u64);
        put_u64(&mut file, at + program_header::ADDRESS, address);
        put_u64(&mut file, at + program_header::FILE_BYTES, in_file);
        put_u64(&mut file, at + program_header::MEMORY_BYTES, in_memory);
    }
    file[TEXT..][..0x30].fill(0x90);
    file[DATA..][..0x20].fill(0xdd);
    let relocations = 0x1000 + (RELOCATIONS - CONSTANTS) as u64;
    for (index, (tag, value)) in [(7, relocations), (8, 48), (9, 24), (0, 0)].iter().enumerate() {
        put_u64(&mut file, DYNAMIC + index * 16, *tag);
        put_u64(&mut file, DYNAMIC + index * 16 + 8, *value);
    }
    for (index, (target, value)) in [(0x10f8, 0x10), (0x2008, 0x1000)].into_iter().enumerate() {
        put_u64(&mut file, RELOCATIONS + index * 24, target);
        put_u64(&mut file, RELOCATIONS + index * 24 + 8, 8);
        put_u64(&mut file, RELOCATIONS + index * 24 + 16, value);
    }
    file
}

const ENTRY: u64 = 0x10;
const FILE_BYTES: usize = 0x320;
const TABLE: usize = 0x40;
const TEXT: usize = 0x180;
const CONSTANTS: usize = 0x200;
const DYNAMIC: usize = 0x220;
const RELOCATIONS: usize = 0x280;
const DATA: usize = 0x300;

/// Where the header of a segment begins.
const fn segment(index: usize) -> usize {
    TABLE + index * program_header::BYTES
}

fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

fn put_u64(file: &mut [u8], at: usize, value: u64) {
    put(file, at, &value.to_le_bytes());
}

/// The error for the sample after `spoil`.
fn refused(spoil: impl FnOnce(&mut Vec<u8>)) -> ElfError {
    let mut file = sample();
    spoil(&mut file);
    Image::parse(&file).expect_err("a spoiled file")
}

fn refused_for(at: usize, value: u64) -> ElfError {
    refused(|file| put_u64(file, at, value))
}

#[test]
fn a_good_file_is_understood() {
    let file = sample();
    let image = Image::parse(&file).expect("a good file");
    assert_eq!(image.entry(), ENTRY);
    let segments: Vec<_> = image
        .segments()
        .iter()
        .map(|segment| (segment.start, segment.bytes, segment.usage, image.contents(segment).len()))
        .collect();
    let expected = [
        (0, 0x30, Use::ReadExecute, 0x30),
        (0x1000, 0x100, Use::Read, 0x100),
        (0x2000, 0x1800, Use::ReadWrite, 0x20),
    ];
    assert_eq!(segments, expected);
    let relocations: Vec<_> = image.relocations().collect();
    let expected =
        [Relocation { target: 0x10f8, value: 0x10 }, Relocation { target: 0x2008, value: 0x1000 }];
    assert_eq!(relocations, expected);
}

#[test]
fn other_files_are_refused_by_what_they_are() {
    assert_eq!(Image::parse(b"").expect_err("empty"), ElfError::NotElf);
    assert_eq!(Image::parse(b"#!/bin/sh").expect_err("a script"), ElfError::NotElf);
    let word_size = refused(|file| file[header::CLASS] = 1);
    assert_eq!(word_size, ElfError::Unsupported { what: "another word size or byte order" });
    assert_eq!(refused(|file| file[header::MACHINE] = 0xb7), ElfError::Machine { machine: 0xb7 });
    assert_eq!(refused(|file| file[header::TYPE] = 2), ElfError::FixedPlace { found: 2 });
    let header_size = refused(|file| file[header::ENTRY_BYTES] = 32);
    assert_eq!(header_size, ElfError::HeaderSize { bytes: 32 });
}

#[test]
fn a_file_that_ends_early_is_refused_wherever_it_ends() {
    let file = sample();
    for length in 4..file.len() {
        let error = Image::parse(&file[..length]).expect_err("cut off");
        let unsupported = matches!(error, ElfError::Unsupported { .. }) && length < 6;
        assert!(matches!(error, ElfError::Truncated { .. }) || unsupported, "{length}: {error}");
    }
}

#[test]
fn offsets_that_wrap_are_beyond_the_end() {
    let file = FILE_BYTES;
    let truncated = |offset, bytes| ElfError::Truncated { offset, bytes, file };
    assert_eq!(refused_for(header::TABLE, u64::MAX), truncated(u64::MAX, 224));
    let offset = segment(2) + program_header::OFFSET;
    assert_eq!(refused_for(offset, u64::MAX - 8), truncated(u64::MAX - 8, 0x20));
}

#[test]
fn segments_must_lie_apart_within_the_room_for_programs() {
    let address = segment(2) + program_header::ADDRESS;
    assert_eq!(refused_for(address, 0x2800), ElfError::Misaligned { address: 0x2800 });
    assert_eq!(refused_for(address, 0x1000), ElfError::Overlap { address: 0x1000 });
    assert_eq!(refused_for(address, 0), ElfError::Overlap { address: 0 });
    let bytes = 0x1800;
    for address_given in [MAX_CODE_BYTES - 0x1000, u64::MAX - 0xfff, 1 << 63] {
        let error = ElfError::OutOfRange { address: address_given, bytes };
        assert_eq!(refused_for(address, address_given), error);
    }
    let memory = segment(2) + program_header::MEMORY_BYTES;
    let error = ElfError::OutOfRange { address: 0x2000, bytes: u64::MAX };
    assert_eq!(refused_for(memory, u64::MAX), error);
    let error = ElfError::MoreThanMemory { address: 0x2000, bytes: 0x1f };
    assert_eq!(refused_for(memory, 0x1f), error);
}

#[test]
fn writable_code_is_refused() {
    let error = refused(|file| file[segment(2) + program_header::FLAGS] = 7);
    assert_eq!(error, ElfError::WritableCode { address: 0x2000 });
}

#[test]
fn the_entry_point_must_be_code() {
    for address in [0x30, 0x1000, 0x2000, u64::MAX] {
        assert_eq!(refused_for(header::ENTRY, address), ElfError::Entry { address });
    }
}

#[test]
fn what_needs_more_than_a_loader_is_refused() {
    let kind = |kind: u8| refused(|file| file[segment(3)] = kind);
    assert_eq!(kind(3), ElfError::Unsupported { what: "a dynamic linker" });
    assert_eq!(kind(7), ElfError::Unsupported { what: "thread-local storage" });
    assert_eq!(refused_for(DYNAMIC, 1), ElfError::Unsupported { what: "shared libraries" });
    let other = ElfError::Unsupported { what: "another form of relocations" };
    assert_eq!(refused_for(DYNAMIC + 32, 35), other);
}

#[test]
fn relocations_must_be_relative_and_of_words_in_segments() {
    let kind = ElfError::RelocationKind { target: 0x10f8, info: 1 << 32 | 6 };
    assert_eq!(refused_for(RELOCATIONS + 8, 1 << 32 | 6), kind);
    for target in [0x10f4, 0x1100, 0x37fc, u64::MAX - 7] {
        assert_eq!(refused_for(RELOCATIONS, target), ElfError::RelocationTarget { target });
    }
    for (at, value) in [(DYNAMIC + 8, 0x5000), (DYNAMIC + 24, 47), (DYNAMIC + 24, u64::MAX)] {
        let error = refused_for(at, value);
        assert!(matches!(error, ElfError::RelocationTable { .. }), "{error}");
    }
    // Zeros behind the file's part of a segment are no relocations.
    let error = refused_for(DYNAMIC + 8, 0x2020);
    assert_eq!(error, ElfError::RelocationTable { address: 0x2020, bytes: 48 });
}

/// The sample with some of its bytes, or whole numbers, replaced.
pub(crate) fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![
        any::<u64>(),
        0..0x4000_u64,
        (0..64_u32).prop_map(|bit| 1 << bit),
        (0..0x40_u64).prop_map(|back| back.wrapping_neg()),
    ];
    let bytes = prop::collection::vec((0..FILE_BYTES, any::<u8>()), 0..4);
    let numbers = prop::collection::vec((0..FILE_BYTES / 8, number), 0..4);
    let length = prop_oneof![4 => Just(FILE_BYTES), 1 => 0..FILE_BYTES];
    (bytes, numbers, length).prop_map(|(bytes, numbers, length)| {
        let mut file = sample();
        for (word, value) in numbers {
            put_u64(&mut file, word * 8, value);
        }
        for (at, value) in bytes {
            file[at] = value;
        }
        file.truncate(length);
        file
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is accepted keeps what loading relies on.
    #[test]
    fn what_is_accepted_is_sound(file in mutated()) {
        let Ok(image) = Image::parse(&file) else { return Ok(()) };
        let mut end = 0;
        for segment in image.segments() {
            prop_assert!(segment.start.is_multiple_of(PAGE_BYTES) && segment.start >= end);
            prop_assert!(segment.bytes > 0 && segment.end() <= MAX_CODE_BYTES);
            prop_assert!(image.contents(segment).len() as u64 <= segment.bytes);
            end = segment.end().next_multiple_of(PAGE_BYTES);
        }
        for relocation in image.relocations() {
            let inside = |segment: &Segment| segment.holds(relocation.target, 8);
            prop_assert!(relocation.target.is_multiple_of(8));
            prop_assert!(image.segments().iter().any(inside));
        }
        let code = |segment: &Segment| segment.usage == Use::ReadExecute;
        let entered = |segment: &Segment| code(segment) && segment.holds(image.entry(), 1);
        prop_assert!(image.segments().iter().any(entered));
    }

    #[test]
    fn noise_is_refused_and_does_no_harm(noise: Vec<u8>) {
        let mut file = header::MAGIC.to_vec();
        file.extend(noise);
        prop_assert!(Image::parse(&file).is_err());
    }
}
