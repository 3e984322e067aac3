//! What debug builds check: every block that comes back, and every free block
//! that goes out.
//!
//! ```text
//!  free block   | next | seal | junk junk junk …          |
//!  used block   | fresh fresh fresh … (until written)     |
//! ```
//!
//! A free block carries a seal made of its own and its successor's address, and
//! is filled with junk. If either is damaged when the block is to be given out,
//! somebody wrote to it after freeing it. A block that comes back must be one:
//! in a slab, on a block's boundary, of the size that its layout says, and not
//! in the slab's list or the cache already. In release builds these functions are empty.

use super::cache::Cache;
use super::classes::Class;
use super::page_map::{Kind, PAGE, Page, PageMap, Record};
use super::slab::FreeBlock;
use core::alloc::Layout;
use core::fmt;

/// Whether this build checks.
pub const ON: bool = cfg!(debug_assertions);

/// What free blocks are filled with …
const JUNK: u8 = 0xdf;
/// … and those just given out.
const FRESH: u8 = 0xa5;
/// Makes a seal unlikely as data.
const SEAL: usize = 0x5ea1_ed0b_10c4_0ddf;

/// A misuse of the heap, or damage to it. Addresses are those of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The address is not in the pages that the heap has given out.
    Foreign(usize),
    /// The address lies within a block, or behind the last of a slab.
    NotABlock(usize),
    /// The block is free already.
    DoubleFree(usize),
    /// The block has another size than the layout it comes back with.
    WrongLayout {
        /// The block.
        block: usize,
        /// Its size.
        bytes: usize,
        /// The layout's.
        given: usize,
    },
    /// A free block was written to: its links.
    BrokenLink(usize),
    /// A free block was written to: its rest.
    WrittenAfterFree(usize),
    /// The record of this page contradicts itself, or others.
    BrokenRecord(Page),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign(block) => write!(f, "{block:#x} is not a block of the heap"),
            Self::NotABlock(block) => write!(f, "{block:#x} is not the start of a block"),
            Self::DoubleFree(block) => write!(f, "block {block:#x} is free already"),
            Self::WrongLayout { block, bytes, given } => {
                write!(f, "block {block:#x} of {bytes} bytes was freed as one of {given}")
            }
            Self::BrokenLink(block) => {
                write!(f, "free block {block:#x} was overwritten: its link is broken")
            }
            Self::WrittenAfterFree(block) => write!(f, "block {block:#x} was written after free"),
            Self::BrokenRecord(Page(page)) => write!(f, "the record of heap page {page} is broken"),
        }
    }
}

/// Fills a block that becomes free.
///
/// # Safety
/// The block has `bytes` bytes and nobody uses it.
#[inline(always)]
pub unsafe fn junk(block: *mut FreeBlock, bytes: usize) {
    if ON {
        // SAFETY: as the contract says.
        unsafe { block.cast::<u8>().write_bytes(JUNK, bytes) };
    }
}

/// Seals a free block whose link was just written.
///
/// # Safety
/// The block is free.
#[inline(always)]
pub unsafe fn seal(block: *mut FreeBlock) {
    if ON {
        // SAFETY: as the contract says.
        unsafe { (*block).seal = seal_of(block) };
    }
}

/// Checks the free block at the head of a slab's list, which is about to be
/// given out.
///
/// # Safety
/// `slab` is the record of a slab whose list is not empty.
///
/// # Errors
/// What was found.
pub unsafe fn examine_first(map: &PageMap, slab: *mut Record) -> Result<(), Violation> {
    // SAFETY: the record is mapped. The block is looked at only once it is
    // known to lie in the slab.
    unsafe {
        let (block, class) = ((*slab).free, (*slab).class);
        if (*slab).kind != Kind::Slab || !is_block(map, slab, block.addr()) {
            return Err(Violation::BrokenRecord((*slab).head));
        }
        examine_free(block, class)
    }
}

/// Checks a block of the cache that is about to be given out.
///
/// # Safety
/// The cache's link to the block is good: it was checked with the block before.
///
/// # Errors
/// What was found.
pub unsafe fn examine_cached(
    map: &PageMap,
    block: *mut FreeBlock,
    class: Class,
) -> Result<(), Violation> {
    // SAFETY: as the contract says, the block is one of a slab of ours.
    unsafe {
        let slab = map.record_of(block.cast());
        let intact = (*slab).kind == Kind::Slab && (*slab).class == class;
        if !intact || !is_block(map, slab, block.addr()) {
            return Err(Violation::BrokenRecord((*slab).head));
        }
        examine_free(block, class)
    }
}

/// Checks a free block's own bytes.
///
/// # Safety
/// It is a block of `class`, and free.
unsafe fn examine_free(block: *mut FreeBlock, class: Class) -> Result<(), Violation> {
    // SAFETY: as the contract says.
    unsafe {
        if (*block).seal != seal_of(block) {
            return Err(Violation::BrokenLink(block.addr()));
        }
        let bytes = block.cast::<u8>();
        let mut rest = size_of::<FreeBlock>()..class.bytes();
        if rest.any(|offset| bytes.add(offset).read() != JUNK) {
            return Err(Violation::WrittenAfterFree(block.addr()));
        }
    }
    Ok(())
}

/// Makes the bytes of a block just given out differ from any old content.
///
/// # Safety
/// The block has `bytes` bytes and is the caller's.
#[inline(always)]
pub unsafe fn refresh(block: *mut u8, bytes: usize) {
    if ON {
        // SAFETY: as the contract says.
        unsafe { block.write_bytes(FRESH, bytes) };
    }
}

/// Checks that `block` may be freed with `layout`. Pages up to `top` have records.
///
/// # Errors
/// Why it may not.
pub fn examine_used(
    map: &PageMap,
    top: Page,
    cache: &Cache,
    block: *mut u8,
    layout: Layout,
) -> Result<(), Violation> {
    let address = block.addr();
    if !(map.address(map.first()).addr()..map.address(top).addr()).contains(&address) {
        return Err(Violation::Foreign(address));
    }
    // SAFETY: the page has a record; what it says is checked before it is used.
    unsafe {
        let page = map.page_of(block);
        let head = (*map.record(page)).head;
        if head < map.first() || head > page {
            return Err(Violation::Foreign(address));
        }
        let record = map.record(head);
        if page >= head.plus((*record).pages) {
            return Err(Violation::Foreign(address));
        }
        match ((*record).kind, Class::of(layout)) {
            (Kind::Slab, class) => {
                let bytes = (*record).class.bytes();
                if !is_block(map, record, address) {
                    return Err(Violation::NotABlock(address));
                }
                if cache.contains((*record).class, address) || in_list(map, record, address)? {
                    return Err(Violation::DoubleFree(address));
                }
                if (*record).live == 0 || (*record).live > (*record).carved {
                    return Err(Violation::BrokenRecord(head));
                }
                if class != Some((*record).class) {
                    let given = layout.size();
                    return Err(Violation::WrongLayout { block: address, bytes, given });
                }
                Ok(())
            }
            (Kind::Large, class) => {
                let bytes = (*record).pages as usize * PAGE;
                if address != map.address(head).addr() {
                    Err(Violation::NotABlock(address))
                } else if class.is_some() || layout.size().div_ceil(PAGE) * PAGE != bytes {
                    let given = layout.size();
                    Err(Violation::WrongLayout { block: address, bytes, given })
                } else {
                    Ok(())
                }
            }
            (Kind::Free | Kind::Unmapped, _) => Err(Violation::DoubleFree(address)),
            (Kind::Never, _) => Err(Violation::BrokenRecord(head)),
        }
    }
}

/// Whether `address` is in the list of free blocks of `slab`.
///
/// # Safety
/// `slab` is the record of a slab.
///
/// # Errors
/// The list leaves the slab or does not end.
pub unsafe fn in_list(map: &PageMap, slab: *mut Record, address: usize) -> Result<bool, Violation> {
    let mut found = false;
    // SAFETY: each block is looked at only once it is known to lie in the slab.
    unsafe { for_each_free(map, slab, |block| found |= block.addr() == address)? };
    Ok(found)
}

/// Calls `visit` with each free block of a slab, and returns their number.
///
/// # Safety
/// `slab` is the record of a slab.
///
/// # Errors
/// The list leaves the slab or does not end.
pub unsafe fn for_each_free(
    map: &PageMap,
    slab: *mut Record,
    mut visit: impl FnMut(*mut FreeBlock),
) -> Result<u16, Violation> {
    // SAFETY: as for `in_list`.
    unsafe {
        let (mut block, mut count) = ((*slab).free, 0);
        while !block.is_null() {
            if !is_block(map, slab, block.addr()) || count == (*slab).carved {
                return Err(Violation::BrokenRecord((*slab).head));
            }
            visit(block);
            count += 1;
            block = (*block).next;
        }
        Ok(count)
    }
}

/// Whether `address` is the start of a block of the slab that was ever in its list.
///
/// # Safety
/// `slab` is a mapped record.
unsafe fn is_block(map: &PageMap, slab: *mut Record, address: usize) -> bool {
    // SAFETY: as the contract says.
    let (head, class, carved) = unsafe { ((*slab).head, (*slab).class, (*slab).carved) };
    let Some(offset) = address.checked_sub(map.address(head).addr()) else { return false };
    offset % class.bytes() == 0 && offset / class.bytes() < usize::from(carved)
}

/// # Safety
/// The block is free.
unsafe fn seal_of(block: *mut FreeBlock) -> usize {
    // SAFETY: as the contract says.
    let next = unsafe { (*block).next };
    block.addr().rotate_left(32) ^ next.addr() ^ SEAL
}
