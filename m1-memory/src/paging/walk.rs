//! All regions of a set of page tables, as the CPU sees them.
//!
//! Neighbouring pages with the same rights make one region, whatever the size
//! of the pages, like the `info mem` of QEMU's monitor.

use super::access::{Permits, Rights};
use super::entry::{ENTRIES, Level};
use super::mapper::{Mapper, Mapping};
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
        self.for_each_page(|page| {
            let leaf = MappedRegion::from(page);
            match &mut open {
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
            }
        });
        if let Some(done) = open {
            visit(done);
        }
    }

    /// Calls `visit` for each page of whatever size, lowest address first.
    pub fn for_each_page(&self, mut visit: impl FnMut(Mapping)) {
        self.visit_table(self.root(), Level::Pml4, 0, Permits::ALL, &mut visit);
    }

    /// Depth first over one table; `base` is the address its entry 0 covers,
    /// before sign extension.
    fn visit_table(
        &self,
        table: PhysFrame,
        level: Level,
        base: u64,
        above: Permits,
        visit: &mut impl FnMut(Mapping),
    ) {
        for index in 0..ENTRIES {
            let page = VirtAddr::new_truncate(base + u64::from(index) * level.entry_bytes());
            let entry = self.read(table, level, page);
            if !entry.is_present() {
                continue;
            }
            match level.below() {
                Some(below) if !entry.is_leaf(level) => {
                    let above = above.through_table(entry);
                    self.visit_table(entry.table(), below, page.as_u64(), above, visit);
                }
                _ => {
                    let rights = above.through_leaf(entry).rights();
                    visit(Mapping { page, physical: entry.page(level), level, rights });
                }
            }
        }
    }
}

impl From<Mapping> for MappedRegion {
    fn from(page: Mapping) -> Self {
        let last = VirtAddr::new(page.page.as_u64() + (page.level.entry_bytes() - 1));
        Self { start: page.page, last, rights: page.rights }
    }
}
