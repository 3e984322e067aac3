//! "What is at this address?" — the kernel half's ranges by name.
//!
//! Page tables know that a page is there, not why. A [`RegionMap`] knows which
//! range has been set aside for what, with which access, and how it grows, also
//! where nothing is mapped yet or ever:
//!
//! ```text
//!   kernel image    | text | constants | data |         fixed
//!   kernel heap     |#############>                |    grows up
//!   kernel stacks   |g|####|g|####|g|  …           |    slots, a guard below each
//! ```
//!
//! [`locate`] puts regions, stacks and page tables together into a [`Place`], the
//! sentence of a fault report. It takes no lock that it would have to wait for,
//! and allocates nothing: a fault may strike anywhere.

use crate::layout::{self, KERNEL_HALF, PAGE_BYTES};
use crate::paging::access::{Access, Rights};
use crate::paging::kernel;
use crate::stack::{self, StackPlace};
use arrayvec::ArrayVec;
use core::fmt;
use spin::Mutex;
use x86_64::VirtAddr;

/// What a region is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A section of the kernel's image.
    Image,
    /// RAM at a fixed offset.
    DirectMap,
    /// The kernel heap.
    Heap,
    /// Kernel stacks.
    Stacks,
    /// Anything else of the kernel's, such as a device's registers.
    Kernel,
    /// Memory of a user program.
    User,
}

/// How the mapped part of a region changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// Not at all.
    Fixed,
    /// From its start upwards.
    Up,
    /// In slots of equal size, each with a guard page below.
    Slots,
}

/// A range of virtual addresses set aside for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First address.
    pub start: VirtAddr,
    /// One past the last address.
    pub end: VirtAddr,
    /// Its name, for people.
    pub name: &'static str,
    /// What it is for.
    pub kind: Kind,
    /// What its pages are mapped with, where they are.
    pub access: Access,
    /// How it grows.
    pub growth: Growth,
}

/// Why a region was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionError {
    /// It is empty, or not whole pages.
    BadRange(Region),
    /// Another one is there.
    Overlap {
        /// The region refused.
        region: Region,
        /// The one that is there.
        existing: Region,
    },
    /// The map is full.
    Full(Region),
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:#x}-{:#x}", self.name, self.start.as_u64(), self.end.as_u64())
    }
}

impl fmt::Display for RegionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadRange(region) => write!(f, "region is not whole pages: {region}"),
            Self::Overlap { region, existing } => write!(f, "{region} overlaps {existing}"),
            Self::Full(region) => write!(f, "no room in the map of regions for {region}"),
        }
    }
}

/// Regions that do not overlap, sorted by address; at most `N`.
#[derive(Clone, Debug, Default)]
pub struct RegionMap<const N: usize> {
    regions: ArrayVec<Region, N>,
}

impl<const N: usize> RegionMap<N> {
    /// An empty map.
    pub const fn new() -> Self {
        Self { regions: ArrayVec::new_const() }
    }

    /// Adds a region.
    ///
    /// # Errors
    /// See [`RegionError`].
    pub fn add(&mut self, region: Region) -> Result<(), RegionError> {
        let aligned = region.start.is_aligned(PAGE_BYTES) && region.end.is_aligned(PAGE_BYTES);
        if region.start >= region.end || !aligned {
            return Err(RegionError::BadRange(region));
        }
        let index = self.regions.partition_point(|other| other.end <= region.start);
        match self.regions.get(index) {
            Some(&existing) if existing.start < region.end => {
                Err(RegionError::Overlap { region, existing })
            }
            _ => self.regions.try_insert(index, region).map_err(|_| RegionError::Full(region)),
        }
    }

    /// Removes the region that starts at `start`.
    pub fn remove(&mut self, start: VirtAddr) -> Option<Region> {
        let index = self.regions.binary_search_by_key(&start, |region| region.start).ok()?;
        Some(self.regions.remove(index))
    }

    /// The region that holds `address`.
    pub fn find(&self, address: VirtAddr) -> Option<&Region> {
        let index = self.regions.partition_point(|region| region.end <= address);
        self.regions.get(index).filter(|region| region.start <= address)
    }

    /// All regions, lowest first.
    pub fn iter(&self) -> impl Iterator<Item = &Region> {
        self.regions.iter()
    }
}

/// The kernel half's regions: six of M1's own and room for those of drivers.
static REGIONS: Mutex<RegionMap<64>> = Mutex::new(RegionMap::new());

/// Adds a region to the kernel half's.
///
/// # Errors
/// See [`RegionError`].
pub fn add(region: Region) -> Result<(), RegionError> {
    REGIONS.lock().add(region)
}

/// Removes the kernel half's region that starts at `start`.
pub fn remove(start: VirtAddr) -> Option<Region> {
    REGIONS.lock().remove(start)
}

/// The kernel half's region that holds `address`; None also if the map is just
/// being changed.
pub fn find(address: VirtAddr) -> Option<Region> {
    REGIONS.try_lock()?.find(address).copied()
}

/// What is at an address, or is not; its `Display` is the answer for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Bits 63 to 47 are not all equal.
    NotCanonical(u64),
    /// The first page, which is never mapped.
    Null,
    /// A kernel stack or its guard page.
    Stack(StackPlace),
    /// Anywhere else.
    Range {
        /// The name of the region, or of the part of the layout.
        name: &'static str,
        /// What the kernel's tables permit there; the outer None says that they
        /// were just being changed, or that it is not theirs to say.
        rights: Option<Option<Rights>>,
        /// How the region grows, if it is one.
        growth: Option<Growth>,
    },
}

/// Finds out what is at `address`, without waiting for a lock.
pub fn locate(address: u64) -> Place {
    let Ok(at) = VirtAddr::try_new(address) else {
        return Place::NotCanonical(address);
    };
    if address < PAGE_BYTES {
        return Place::Null;
    }
    if let Some(place) = stack::place_of(at) {
        return Place::Stack(place);
    }
    let region = find(at);
    let name = region.map_or(layout::name_of(at), |region| region.name);
    let mapped = if at < KERNEL_HALF { None } else { kernel::try_translate(at) };
    let rights = mapped.map(|mapped| mapped.map(|translation| translation.rights()));
    Place::Range { name, rights, growth: region.map(|region| region.growth) }
}

/// The name of the region or stack at `address`.
pub fn name_at(address: VirtAddr) -> impl fmt::Display {
    struct Name(Place);
    impl fmt::Display for Name {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self.0 {
                Place::Range { name, .. } => f.write_str(name),
                ref other => other.fmt(f),
            }
        }
    }
    Name(locate(address.as_u64()))
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotCanonical(address) => write!(f, "{address:#x} is not canonical"),
            Self::Null => write!(f, "null pointer, or a small offset from one"),
            Self::Stack(StackPlace { number, owner, guard }) => {
                f.write_str(if guard { "guard page below " } else { "" })?;
                match owner {
                    Some(owner) => write!(f, "stack of thread \"{owner}\"")?,
                    None => write!(f, "kernel stack {number}")?,
                }
                f.write_str(if guard { ": it overflowed" } else { "" })
            }
            Self::Range { name, rights, growth } => {
                write!(f, "the address is in the {name}")?;
                match (rights, growth) {
                    (Some(Some(rights)), _) => write!(f, " ({rights})"),
                    (Some(None), Some(Growth::Up)) => write!(f, ", where it has not grown to"),
                    (Some(None), Some(Growth::Slots)) => write!(f, ", but in none of them"),
                    (Some(None), _) => write!(f, ", not mapped"),
                    (None, _) => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn region(start: u64, pages: u64) -> Region {
        let start = VirtAddr::new(start * PAGE_BYTES);
        Region {
            start,
            end: start + pages * PAGE_BYTES,
            name: "test",
            kind: Kind::Kernel,
            access: Access::KERNEL_DATA,
            growth: Growth::Fixed,
        }
    }

    #[test]
    fn a_region_that_overlaps_is_refused_with_the_one_in_the_way() {
        let mut map = RegionMap::<4>::new();
        map.add(region(10, 5)).expect("first");
        map.add(region(15, 1)).expect("right behind it");
        let refused = map.add(region(9, 2));
        let expected = RegionError::Overlap { region: region(9, 2), existing: region(10, 5) };
        assert_eq!(refused, Err(expected));
        assert_eq!(map.add(region(3, 0)), Err(RegionError::BadRange(region(3, 0))));
    }

    #[test]
    fn a_full_map_says_so() {
        let mut map = RegionMap::<2>::new();
        map.add(region(1, 1)).and_then(|()| map.add(region(3, 1))).expect("two");
        assert_eq!(map.add(region(2, 1)), Err(RegionError::Full(region(2, 1))));
        assert_eq!(map.remove(region(1, 1).start), Some(region(1, 1)));
        assert_eq!(map.add(region(2, 1)), Ok(()));
    }

    #[test]
    fn stacks_are_named_after_their_thread() {
        let place = |owner, guard| Place::Stack(StackPlace { number: 3, owner, guard }).to_string();
        let named = place(Some("worker-1"), true);
        assert_eq!(named, "guard page below stack of thread \"worker-1\": it overflowed");
        assert_eq!(place(None, true), "guard page below kernel stack 3: it overflowed");
        assert_eq!(place(Some("worker-1"), false), "stack of thread \"worker-1\"");
    }

    #[test]
    fn what_is_not_mapped_is_explained_by_growth() {
        let place = |name, growth| {
            Place::Range { name, rights: Some(None), growth: Some(growth) }.to_string()
        };
        let heap = place("kernel heap", Growth::Up);
        assert_eq!(heap, "the address is in the kernel heap, where it has not grown to");
        let stacks = place("kernel stacks", Growth::Slots);
        assert_eq!(stacks, "the address is in the kernel stacks, but in none of them");
        let fixed = place("direct map", Growth::Fixed);
        assert_eq!(fixed, "the address is in the direct map, not mapped");
    }

    proptest! {
        #[test]
        fn agrees_with_a_list(steps in prop::collection::vec((0u64..60, 1u64..8, any::<bool>()), 1..80)) {
            let mut map = RegionMap::<64>::new();
            let mut model: Vec<Region> = Vec::new();
            for (start, pages, remove) in steps {
                let new = region(start, pages);
                if remove {
                    let position = model.iter().position(|one| one.start == new.start);
                    prop_assert_eq!(map.remove(new.start), position.map(|at| model.remove(at)));
                } else {
                    let free = model.iter().all(|one| one.end <= new.start || new.end <= one.start);
                    prop_assert_eq!(map.add(new).is_ok(), free);
                    if free {
                        model.push(new);
                    }
                }
                for page in 0..70u64 {
                    let at = VirtAddr::new(page * PAGE_BYTES + 5);
                    let expected = model.iter().find(|one| (one.start..one.end).contains(&at));
                    prop_assert_eq!(map.find(at), expected);
                }
            }
        }
    }
}
