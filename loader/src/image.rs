//! The kernel's ELF file, from bytes to a load plan.
//!
//! [`plan`] refuses everything that could not be loaded exactly as it asks:
//! what is left for [`Image::load`] cannot fail. Accepted are static
//! (`ET_EXEC`) and position-independent (`ET_DYN`) ELF64 files for x86-64 in
//! the top 2 GiB (Limine protocol, "Entry memory layout"; ELF-64 Object File
//! Format, version 1.5). The image is placed in one contiguous physical run.

use arrayvec::ArrayVec;
use elf::{ElfBytes, ParseError, abi, endian::LittleEndian, segment::ProgramHeader};
use x86_64::{PhysAddr, VirtAddr};

use crate::{
    address::{PAGE, PhysRange},
    image_error::ImageError,
    memory::PhysMemory,
    relocation::Relocations,
};

/// The lowest address a kernel may occupy.
pub const HIGHER_HALF: u64 = 0xffff_ffff_8000_0000;

/// Most loadable segments a kernel may have.
pub const MAX_SEGMENTS: usize = 16;

/// The parsed file.
pub(crate) type Elf<'a> = ElfBytes<'a, LittleEndian>;

/// What a kernel's pages allow beyond being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// May be written.
    pub write: bool,
    /// May be executed.
    pub execute: bool,
}

/// One loadable segment at its final address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Its first address.
    pub start: VirtAddr,
    /// Its size in memory.
    pub size: u64,
    /// Its contents; the rest of its memory is zero.
    pub data: &'a [u8],
    /// Its permissions.
    pub permissions: Permissions,
}

impl Segment<'_> {
    /// The first address of its first page.
    pub fn first_page(&self) -> VirtAddr {
        self.start.align_down(PAGE)
    }

    /// The first address behind its last page.
    pub fn end_page(&self) -> VirtAddr {
        (self.start + self.size).align_up(PAGE)
    }

    /// Whether `length` bytes at `address` lie inside.
    pub(crate) fn holds(&self, address: u64, length: u64) -> bool {
        address
            .checked_sub(self.start.as_u64())
            .and_then(|offset| offset.checked_add(length))
            .is_some_and(|end| end <= self.size)
    }
}

/// How to load a kernel. Segments are sorted and share no page unless their
/// permissions are the same.
#[derive(Clone, Debug)]
pub struct Image<'a> {
    segments: ArrayVec<Segment<'a>, MAX_SEGMENTS>,
    entry: VirtAddr,
    relocations: Relocations<'a>,
}

/// Makes the load plan of a kernel file.
///
/// # Errors
/// The first reason not to load it.
pub fn plan(file: &[u8]) -> Result<Image<'_>, ImageError> {
    // The class decides the layout of all that follows, so it is looked at
    // before the parser reads on.
    match file.split_at_checked(abi::EI_NIDENT) {
        Some((ident, _)) if ident.starts_with(&abi::ELFMAGIC) => match ident[abi::EI_CLASS] {
            abi::ELFCLASS64 => {}
            class => return Err(ImageError::WrongClass { class }),
        },
        None if file.starts_with(&abi::ELFMAGIC) => {
            return Err(truncated(file, abi::EI_NIDENT));
        }
        _ => return Err(ImageError::NotElf),
    }
    let elf = Elf::minimal_parse(file).map_err(|error| unparsed(file, &error))?;
    if elf.ehdr.e_machine != abi::EM_X86_64 {
        return Err(ImageError::WrongMachine { machine: elf.ehdr.e_machine });
    }
    let loads = || {
        let headers = elf.segments().into_iter().flat_map(|table| table.iter());
        headers.filter(|header| header.p_type == abi::PT_LOAD && header.p_memsz > 0)
    };
    let lowest = loads().map(|header| header.p_vaddr).min().ok_or(ImageError::NoSegments)?;
    let slide = match elf.ehdr.e_type {
        abi::ET_EXEC => 0,
        abi::ET_DYN if lowest < HIGHER_HALF => HIGHER_HALF,
        abi::ET_DYN => 0,
        kind => return Err(ImageError::WrongType { kind }),
    };
    let mut segments = ArrayVec::new();
    for header in loads() {
        let segment = segment(file, &elf, &header, slide)?;
        segments.try_push(segment).map_err(|_| ImageError::TooManySegments)?;
    }
    segments.sort_unstable_by_key(|segment| segment.start);
    check_neighbours(&segments)?;
    let entry = elf.ehdr.e_entry.wrapping_add(slide);
    if !is_code(&segments, entry) {
        return Err(ImageError::EntryOutside { entry });
    }
    let relocations = Relocations::find(&elf, slide, &segments)?;
    Ok(Image { segments, entry: VirtAddr::new(entry), relocations })
}

impl<'a> Image<'a> {
    /// The first address of the image; page-aligned.
    pub fn base(&self) -> VirtAddr {
        self.segments[0].first_page()
    }

    /// The size of the image, a whole number of pages.
    pub fn size(&self) -> u64 {
        // `plan` made sure of a first and with it of a last segment.
        self.segments[self.segments.len() - 1].end_page() - self.base()
    }

    /// The entry point that the file names.
    pub fn entry(&self) -> VirtAddr {
        self.entry
    }

    /// The segments, lowest first.
    pub fn segments(&self) -> &[Segment<'a>] {
        &self.segments
    }

    /// Whether `address` lies in an executable segment.
    pub fn is_code(&self, address: u64) -> bool {
        is_code(&self.segments, address)
    }

    /// Loads the image at the start of `place`, which must be of its size:
    /// contents, zeroes between and behind them, relocations.
    pub fn load(&self, memory: &mut impl PhysMemory, place: PhysRange) {
        let at = |address: VirtAddr| place.start() + (address - self.base());
        let mut cleared = place.start();
        for segment in &self.segments {
            let start = at(segment.start);
            memory.zero(PhysRange::new(cleared, start));
            memory.write(start, segment.data);
            cleared = start + segment.data.len() as u64;
        }
        memory.zero(PhysRange::new(cleared, place.end()));
        for (target, value) in self.relocations.iter() {
            memory.write_u64(at(target), value);
        }
    }

    /// Where `address` of the image is when it is loaded at `place`.
    pub fn physical(&self, place: PhysRange, address: VirtAddr) -> PhysAddr {
        place.start() + (address - self.base())
    }
}

/// One program header as a segment, checked by itself.
fn segment<'a>(
    file: &'a [u8],
    elf: &Elf<'a>,
    header: &ProgramHeader,
    slide: u64,
) -> Result<Segment<'a>, ImageError> {
    let (address, size) = (header.p_vaddr, header.p_memsz);
    let overflow = ImageError::AddressOverflow { address, size };
    let start = address.checked_add(slide).ok_or(overflow)?;
    // The last page must end below 2^64, so that every end is an address.
    let end = start.checked_add(size).and_then(|end| end.checked_next_multiple_of(PAGE));
    end.ok_or(overflow)?;
    if start < HIGHER_HALF {
        return Err(ImageError::BelowHigherHalf { address: start });
    }
    if header.p_filesz > size {
        return Err(ImageError::FileSizeExceedsMemory { address: start });
    }
    let data = elf.segment_data(header).map_err(|error| unparsed(file, &error))?;
    let permissions = Permissions {
        write: header.p_flags & abi::PF_W != 0,
        execute: header.p_flags & abi::PF_X != 0,
    };
    Ok(Segment { start: VirtAddr::new(start), size, data, permissions })
}

/// Checks sorted segments against each other.
fn check_neighbours(segments: &[Segment]) -> Result<(), ImageError> {
    for pair in segments.windows(2) {
        let (low, high) = (&pair[0], &pair[1]);
        if high.start - low.start < low.size {
            return Err(ImageError::Overlap { address: high.start.as_u64() });
        }
        if high.first_page() < low.end_page() && high.permissions != low.permissions {
            return Err(ImageError::SharedPage { address: high.first_page().as_u64() });
        }
    }
    Ok(())
}

fn is_code(segments: &[Segment], address: u64) -> bool {
    segments.iter().any(|segment| segment.permissions.execute && segment.holds(address, 1))
}

fn truncated(file: &[u8], needed: usize) -> ImageError {
    ImageError::Truncated { needed, size: file.len() }
}

/// Why the parser gave up.
fn unparsed(file: &[u8], error: &ParseError) -> ImageError {
    match *error {
        ParseError::SliceReadError((_, end)) => truncated(file, end),
        ParseError::UnsupportedElfEndianness(_) => ImageError::BigEndian,
        ParseError::BadEntsize((found, expected)) => ImageError::EntrySize { found, expected },
        _ => ImageError::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        memory::Simulated,
        test_kernel::{EHDR, Kernel, PHDR, Part, R, RW, RX, SHDR},
    };
    use proptest::prelude::*;

    fn refused(kernel: &Kernel) -> ImageError {
        plan(&kernel.file()).expect_err("malformed")
    }

    #[test]
    fn a_static_kernel_is_loaded_where_it_asks() {
        let file = Kernel::fixed(b"requests").file();
        let image = plan(&file).unwrap();
        assert_eq!(image.base().as_u64(), HIGHER_HALF);
        assert_eq!(image.size(), 0x4000);
        assert_eq!(image.entry().as_u64(), HIGHER_HALF + 0x10);
        let mut memory = Simulated::new(0x8000);
        let place = PhysRange::from_length(0x2000, image.size());
        image.load(&mut memory, place);
        let loaded = memory.slice(place);
        assert_eq!(loaded[..0x123], [0x90; 0x123]);
        assert_eq!(loaded[0x123..0x1000], [0; 0x1000 - 0x123]);
        assert_eq!(&loaded[0x1000..0x1008], b"constant");
        assert_eq!(&loaded[0x2000..0x2008], b"requests");
        assert!(loaded[0x2008..].iter().all(|&byte| byte == 0), "the rest is clear");
        assert_eq!(memory.bytes[0x1fff], 0xa5, "nothing is written below");
        assert_eq!(memory.bytes[0x6000], 0xa5, "nothing is written behind");
    }

    #[test]
    fn a_movable_kernel_is_relocated_to_the_higher_half() {
        let relocations = [(0x2000, abi::R_X86_64_RELATIVE, 0x1000)];
        let file = Kernel::movable(&[0; 16], &relocations).file();
        let image = plan(&file).unwrap();
        assert_eq!(image.base().as_u64(), HIGHER_HALF);
        let mut memory = Simulated::new(0x10000);
        let place = PhysRange::from_length(0x1000, image.size());
        image.load(&mut memory, place);
        assert_eq!(memory.read_u64(PhysAddr::new(0x3000)), HIGHER_HALF + 0x1000);
    }

    #[test]
    fn relocations_that_cannot_be_applied_are_refused() {
        let refuse = |offset, kind| refused(&Kernel::movable(&[0; 16], &[(offset, kind, 0)]));
        let (kind, target) = (abi::R_X86_64_RELATIVE, HIGHER_HALF + 0x5000);
        assert_eq!(refuse(0x5000, kind), ImageError::Relocation { kind, target });
        let (kind, target) = (abi::R_X86_64_64, HIGHER_HALF + 0x2000);
        assert_eq!(refuse(0x2000, kind), ImageError::Relocation { kind, target });
    }

    #[test]
    fn wrong_files_are_named() {
        assert_eq!(plan(b"").unwrap_err(), ImageError::NotElf);
        assert_eq!(plan(b"#!/bin/sh").unwrap_err(), ImageError::NotElf);
        let good = Kernel::fixed(b"");
        let mut file = good.file();
        file[4] = 1;
        assert_eq!(plan(&file).unwrap_err(), ImageError::WrongClass { class: 1 });
        file[4] = 2;
        file[5] = 2;
        assert_eq!(plan(&file).unwrap_err(), ImageError::BigEndian);
        let arm = Kernel { machine: abi::EM_AARCH64, ..good.clone() };
        assert_eq!(refused(&arm), ImageError::WrongMachine { machine: 183 });
        let object = Kernel { kind: abi::ET_REL, ..good.clone() };
        assert_eq!(refused(&object), ImageError::WrongType { kind: 1 });
        let empty = Kernel { parts: vec![], ..good };
        assert_eq!(refused(&empty), ImageError::NoSegments);
    }

    #[test]
    fn wrong_segments_are_named() {
        let with = |part: Part| {
            let mut kernel = Kernel::fixed(b"");
            kernel.parts.push(part);
            refused(&kernel)
        };
        let at = |offset| HIGHER_HALF + offset;
        let overlap = with(Part::load(RX, at(0x100), &[0; 8]));
        assert_eq!(overlap, ImageError::Overlap { address: at(0x100) });
        let shared = with(Part::load(RW, at(0x800), &[0; 8]));
        assert_eq!(shared, ImageError::SharedPage { address: at(0) });
        let low = with(Part::load(R, 0x10_0000, &[0; 8]));
        assert_eq!(low, ImageError::BelowHigherHalf { address: 0x10_0000 });
        let address = u64::MAX - 0xfff;
        let high = with(Part::load(R, address, &[0; 8]));
        assert_eq!(high, ImageError::AddressOverflow { address, size: 8 });
        let mut fat = Part::load(R, at(0x9000), &[0; 8]);
        fat.size = 4;
        assert_eq!(with(fat), ImageError::FileSizeExceedsMemory { address: at(0x9000) });
    }

    #[test]
    fn segments_of_the_same_permissions_may_share_a_page() {
        let mut kernel = Kernel::fixed(b"");
        kernel.parts.push(Part::load(RX, HIGHER_HALF + 0x200, &[0; 8]));
        assert!(plan(&kernel.file()).is_ok());
    }

    #[test]
    fn an_entry_outside_the_code_is_refused() {
        for offset in [0x123, 0x1000, 0x2000, 0x100_0000] {
            let entry = HIGHER_HALF + offset;
            let kernel = Kernel { entry, ..Kernel::fixed(b"data") };
            assert_eq!(refused(&kernel), ImageError::EntryOutside { entry });
        }
    }

    #[test]
    fn too_many_segments_are_refused() {
        let mut kernel = Kernel::fixed(b"");
        for index in 0..MAX_SEGMENTS as u64 {
            kernel.parts.push(Part::load(R, HIGHER_HALF + 0x1_0000 + index * 0x1000, b"x"));
        }
        assert_eq!(refused(&kernel), ImageError::TooManySegments);
    }

    /// Every prefix is refused, because the section header ends the file, and
    /// as truncated once the magic is there.
    #[test]
    fn a_file_cut_off_anywhere_is_refused_as_truncated() {
        let file = Kernel::fixed(b"requests").file();
        assert!(file.len() > EHDR + 3 * PHDR + SHDR);
        for length in 0..file.len() {
            let error = plan(&file[..length]).unwrap_err();
            match length {
                0..4 => assert_eq!(error, ImageError::NotElf),
                _ => assert!(
                    matches!(error, ImageError::Truncated { size, .. } if size == length),
                    "{length} bytes: {error:?}"
                ),
            }
        }
    }

    proptest! {
        #[test]
        fn mutated_headers_never_panic(
            mutations in prop::collection::vec((0usize..1000, any::<u8>()), 1..8),
            cut in 0usize..1200,
            movable: bool,
        ) {
            let relocations = [(0x2000, abi::R_X86_64_RELATIVE, 0x1000)];
            let kernel =
                if movable { Kernel::movable(&[0; 16], &relocations) } else { Kernel::fixed(b"") };
            let mut file = kernel.file();
            for (at, byte) in mutations {
                let at = at % file.len();
                file[at] = byte;
            }
            file.truncate(cut.max(64));
            if let Ok(image) = plan(&file) {
                // A plan that is given can be carried out.
                if image.size() <= 0x10_0000 {
                    let mut memory = Simulated::new(0x10_0000);
                    image.load(&mut memory, PhysRange::from_length(0, image.size()));
                }
                prop_assert!(image.is_code(image.entry().as_u64()));
            }
        }
    }
}
