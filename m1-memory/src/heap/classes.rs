//! Size classes: the few block sizes that small requests are rounded up to.
//!
//! ```text
//! request  1 … 16 … 64 … 80 … 128 … 160 … 256 …  … 3072 … 3584 … 4096 | larger:
//! step       16       16         32          …        512             | page runs
//! ```
//!
//! Four steps to each doubling: a block is at most a quarter, and on average a
//! thirteenth, larger than asked for. Blocks of a class are cut from *slabs* of
//! a few pages, as many as make the rest that is left over at most 1/64.
//!
//! Alignment needs no class of its own. A request is first rounded up to a
//! multiple of its alignment; the class that serves it is then a multiple of the
//! alignment too (either the step is, or the request is a class by itself), and
//! so, slabs starting on pages, is the address of each of its blocks.

use super::page_map::PAGE;
use core::alloc::Layout;
use core::hint;

/// Bytes between the smallest classes, and the smallest alignment.
pub const GRAIN: usize = 16;
/// The largest class: a page.
pub const LARGEST: usize = PAGE;
/// Number of classes.
pub const COUNT: usize = 28;

/// Classes to each doubling.
const STEPS: usize = 4;
/// A slab holds at least this many blocks …
const MIN_BLOCKS: usize = 8;
/// … and wastes at most this part of itself.
const MAX_WASTE: usize = 64;

/// A size class, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class(u8);

/// Bytes of a block, for each class.
static BYTES: [u16; COUNT] = bytes();
/// Pages of a slab, for each class.
static SLAB_PAGES: [u8; COUNT] = slab_pages();
/// The class for each request size, in grains.
static CLASS_OF: [Class; LARGEST / GRAIN + 1] = class_of();

impl Class {
    /// All classes, smallest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..COUNT as u8).map(Self)
    }

    /// The class that serves `layout`, or `None` if that takes a page run.
    pub fn of(layout: Layout) -> Option<Self> {
        let bytes = layout.pad_to_align().size();
        if bytes <= LARGEST { Some(CLASS_OF[bytes.div_ceil(GRAIN)]) } else { None }
    }

    /// As [`Class::of`], but `None` also for alignments that blocks do not have
    /// anyway: less to compute, and right for nearly every request.
    #[inline(always)]
    pub fn of_common(layout: Layout) -> Option<Self> {
        // A layout's size is far from overflowing.
        let grains = layout.size().wrapping_add(GRAIN - 1) / GRAIN;
        if layout.align() <= GRAIN && grains < CLASS_OF.len() {
            Some(CLASS_OF[grains])
        } else {
            None
        }
    }

    /// The class's place in an array of [`COUNT`].
    #[inline(always)]
    pub fn index(self) -> usize {
        let index = usize::from(self.0);
        // SAFETY: values come from `all` and `CLASS_OF` only, which hold
        // numbers below COUNT. Saves the hot path its bounds checks.
        unsafe { hint::assert_unchecked(index < COUNT) };
        index
    }

    /// Bytes of each block.
    #[inline(always)]
    pub fn bytes(self) -> usize {
        usize::from(BYTES[self.index()])
    }

    /// Pages of each slab.
    pub fn slab_pages(self) -> u32 {
        u32::from(SLAB_PAGES[self.index()])
    }
}

const fn bytes() -> [u16; COUNT] {
    let mut all = [0; COUNT];
    let (mut class, mut bytes, mut step) = (0, 0, GRAIN);
    while class < COUNT {
        bytes += step;
        all[class] = bytes as u16;
        if bytes.is_power_of_two() && bytes > STEPS * GRAIN {
            step = bytes / STEPS;
        }
        class += 1;
    }
    assert!(all[COUNT - 1] as usize == LARGEST);
    all
}

const fn slab_pages() -> [u8; COUNT] {
    let bytes = bytes();
    let mut all = [0; COUNT];
    let mut class = 0;
    while class < COUNT {
        let mut pages = 1;
        loop {
            let (room, block) = (pages * PAGE, bytes[class] as usize);
            if room / block >= MIN_BLOCKS && room % block <= room / MAX_WASTE {
                break;
            }
            pages += 1;
        }
        all[class] = pages as u8;
        class += 1;
    }
    all
}

const fn class_of() -> [Class; LARGEST / GRAIN + 1] {
    let bytes = bytes();
    let mut all = [Class(0); LARGEST / GRAIN + 1];
    let (mut grains, mut class) = (1, 0);
    while grains < all.len() {
        if grains * GRAIN > bytes[class] as usize {
            class += 1;
        }
        all[grains] = Class(class as u8);
        grains += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).expect("a valid layout")
    }

    #[test]
    fn each_size_gets_the_smallest_class_that_holds_it() {
        for size in 1..=LARGEST {
            let class = Class::of(layout(size, 1)).expect("small");
            assert!(class.bytes() >= size);
            let smaller = Class::all().filter(|other| other.bytes() < class.bytes());
            assert!(smaller.map(Class::bytes).all(|bytes| bytes < size), "{size}");
        }
        assert_eq!(Class::of(layout(LARGEST + 1, 1)), None);
    }

    #[test]
    fn the_short_cut_leads_to_the_same_class() {
        for size in 0..2 * LARGEST {
            for align in [1, 8, 16] {
                let layout = layout(size, align);
                assert_eq!(Class::of_common(layout), Class::of(layout), "{layout:?}");
            }
            assert_eq!(Class::of_common(layout(size, 32)), None);
        }
    }

    #[test]
    fn blocks_are_aligned_as_asked() {
        for size in 1..=LARGEST {
            for align in (0..=12).map(|shift| 1 << shift) {
                if let Some(class) = Class::of(layout(size, align)) {
                    assert_eq!(class.bytes() % align, 0, "{size} bytes aligned to {align}");
                }
            }
        }
        assert_eq!(Class::of(layout(1, 2 * PAGE)), None);
    }

    #[test]
    fn slabs_are_short_and_waste_little() {
        for class in Class::all() {
            let room = class.slab_pages() as usize * PAGE;
            assert!(room / class.bytes() >= MIN_BLOCKS && room / class.bytes() <= 256);
            assert!(room % class.bytes() * MAX_WASTE <= room, "{class:?}");
            assert!(class.slab_pages() <= 8, "{class:?}");
        }
    }

    #[test]
    fn rounding_up_costs_less_than_a_tenth_on_average() {
        let given: usize =
            (8..=LARGEST).filter_map(|s| Class::of(layout(s, 1))).map(Class::bytes).sum();
        let asked: usize = (8..=LARGEST).sum();
        assert!(given * 10 < asked * 11, "{given} bytes given for {asked}");
    }
}
