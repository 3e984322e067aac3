//! All regions of a set of page tables, as the CPU sees them.
//!
//! Neighbouring pages with the same rights make one region, whatever the size
//! of the pages, like the `info mem` of QEMU's monitor.

use super::access::Rights;
use super::entry::{ENTRIES, Level};
use super::mapper::Mapper;
use crate::physical::PhysicalMemory;
use x86_64::VirtAddr;
use x86_64::structures::paging::PhysFrame;

/// A stretch of mapped addresses with the same rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedRegion {
    /// First address.
    pub start: VirtAddr,
    /// Last byte, not one past it: the last region may end with the address space.
    pub last: VirtAddr,
    /// What may be done there.
    pub rights: Rights,
}

impl<M: PhysicalMemory> Mapper<M> {
    /// Calls `visit` for each region, lowest address first.
    pub fn for_each_region(&self, mut visit: impl FnMut(MappedRegion)) {
        let mut open: Option<MappedRegion> = None;
        self.for_each_leaf(self.root(), Level::Pml4, 0, Rights::ALL, &mut |leaf| match &mut open {
            Some(region)
                if region.rights == leaf.rights
                    && region.last.as_u64().wrapping_add(1) == leaf.start.as_u64() =>
            {
                region.last = leaf.last;
            }
            _ => {
                if let Some(done) = open.replace(leaf) {
                    visit(done);
                }
            }
        });
        if let Some(done) = open {
            visit(done);
        }
    }

    /// Depth first over one table; `base` is the address its entry 0 covers,
    /// before sign extension.
    fn for_each_leaf(
        &self,
        table: PhysFrame,
        level: Level,
        base: u64,
        rights: Rights,
        visit: &mut impl FnMut(MappedRegion),
    ) {
        for index in 0..ENTRIES {
            let start = VirtAddr::new_truncate(base + u64::from(index) * level.entry_bytes());
            let entry = self.read(table, level, start);
            if !entry.is_present() {
                continue;
            }
            let rights = rights.through(entry.flags());
            match level.below() {
                Some(below) if !entry.is_leaf(level) => {
                    self.for_each_leaf(entry.table(), below, start.as_u64(), rights, visit);
                }
                _ => {
                    let last = VirtAddr::new(start.as_u64() + (level.entry_bytes() - 1));
                    visit(MappedRegion { start, last, rights });
                }
            }
        }
    }
}
