//! Random operations of all sizes against a model: a map from page to frame and
//! access, in pages of 4 KiB.
//!
//! The tables span two GiB of the kernel's half and one of the user half, so
//! that pages of every size fit and get in each other's way, and now and then the
//! same sixteen and thirty-two GiB further, which a mapper cannot remember at the
//! same time. After each step a page is compared, both as it is remembered and as
//! a whole walk finds it, now and then the whole address space; frames of tables
//! are counted, and at the end every one must be back.

use super::{Machine, Simulated};
use crate::layout::PAGE_BYTES;
use crate::paging::access::Access;
use crate::paging::entry::{ENTRIES, Level};
use crate::paging::flush::Flush;
use crate::paging::mapper::{Mapper, PagingError};
use std::collections::BTreeMap;
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

/// Frame number and access of each page number.
type Model = BTreeMap<u64, (u64, Access)>;

/// Where pages may be: both sides of a 1 GiB border in the kernel's half, and the
/// first GiB of the user half.
const BASES: [u64; 2] = [0xffff_fff0_8000_0000, 0];
const SPAN_PAGES: [u64; 2] = [2 << 18, 1 << 18];
/// As many GiB further the mapper's memory has the same slots.
const FAR_PAGES: u64 = 16 << 18;

/// xorshift64*: enough for tests, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % bound
    }

    /// A page number; most near one another, so that operations meet.
    fn page(&mut self, half: usize) -> u64 {
        let large = self.below(SPAN_PAGES[half] / 512 / 8) * 8;
        let small = if self.below(4) == 0 { self.below(512) } else { self.below(6) };
        let far = if self.below(8) == 0 { self.below(3) } else { 0 };
        BASES[half] / PAGE_BYTES + far * FAR_PAGES + large * 512 + small
    }

    fn access(&mut self, half: usize) -> Access {
        let kernel = [Access::KERNEL_DATA, Access::KERNEL_CONSTANTS, Access::KERNEL_CODE];
        // In the user half both, so that tables made for one serve the other too.
        let mixed = [Access::USER_DATA, Access::USER_CODE, Access::KERNEL_DATA];
        [kernel, mixed][half][self.below(3) as usize]
    }

    fn size(&mut self) -> Level {
        match self.below(600) {
            0 if !cfg!(miri) => Level::Pdpt, // a quarter of a million entries of the model
            1..120 if !cfg!(miri) => Level::Pd,
            1..20 => Level::Pd, // 512 are many for Miri
            _ => Level::Pt,
        }
    }
}

fn address(page: u64) -> VirtAddr {
    VirtAddr::new_truncate(page * PAGE_BYTES)
}

fn pages(size: Level) -> u64 {
    size.entry_bytes() / PAGE_BYTES
}

struct Run {
    machine: Machine,
    tables: Mapper<Simulated>,
    model: Model,
    random: Random,
}

impl Run {
    fn step(&mut self) {
        let half = usize::from(self.random.below(4) == 0);
        let size = self.random.size();
        let page = self.random.page(half) / pages(size) * pages(size);
        // Never past the GiB that belongs to the half.
        let most = if cfg!(miri) { 20 } else { 700 };
        let count = (1 + self.random.below(most)).min((1 << 18) - page % (1 << 18));
        let physical = self.random.below(1 << 20) * pages(size);
        let access = self.random.access(half);
        match self.random.below(10) {
            0..=2 => self.map(page, physical, size, access),
            3 => self.map_range(page, physical, count, access),
            4 | 5 => self.unmap(page, size),
            6 => self.unmap_range(page, count),
            7 => self.protect(page, size, access),
            8 => self.protect_range(page, count, access),
            _ => self.remap(page, physical, size),
        }
    }

    fn free(&self, page: u64, count: u64) -> bool {
        self.model.range(page..page + count).next().is_none()
    }

    fn full(&self, page: u64, count: u64) -> bool {
        self.model.range(page..page + count).count() as u64 == count
    }

    /// Whether an operation on one page of `size` may go ahead: it is mapped, and
    /// not by smaller pages (which only the tables know).
    fn whole(&self, page: u64, size: Level) -> bool {
        self.full(page, pages(size))
            && self.tables.translate(address(page)).is_some_and(|found| found.level() >= size)
    }

    fn insert(&mut self, page: u64, physical: u64, count: u64, access: Access) {
        self.model.extend((0..count).map(|at| (page + at, (physical + at, access))));
    }

    fn forget(&mut self, page: u64, count: u64) {
        for page in page..page + count {
            assert!(self.model.remove(&page).is_some());
        }
    }

    fn flushed(flush: Flush, page: u64, count: u64) {
        assert!(flush.covers(address(page)) && flush.covers(address(page + count - 1)));
        flush.not_needed();
    }

    fn map(&mut self, page: u64, physical: u64, size: Level, access: Access) {
        let to = PhysAddr::new(physical * PAGE_BYTES);
        let used = self.machine.used();
        match self.tables.map(address(page), to, size, access, &mut self.machine) {
            Ok(flush) => {
                assert!(self.free(page, pages(size)));
                Self::flushed(flush, page, pages(size));
                self.insert(page, physical, pages(size), access);
            }
            Err(PagingError::Occupied { existing, .. }) => {
                let (first, (frame, _)) = self
                    .model
                    .range(page..page + pages(size))
                    .next()
                    .expect("the model has something there too");
                let offset = address(*first) - existing.page;
                assert_eq!(existing.physical.as_u64() + offset, frame * PAGE_BYTES);
            }
            Err(PagingError::Frames(_)) => assert_eq!(self.machine.used(), used),
            Err(other) => panic!("{other}"),
        }
    }

    fn map_range(&mut self, page: u64, physical: u64, count: u64, access: Access) {
        let to = PhysAddr::new(physical * PAGE_BYTES);
        let (used, bytes) = (self.machine.used(), count * PAGE_BYTES);
        let start = address(page);
        match self.tables.map_range(start, to, bytes, Level::Pdpt, access, &mut self.machine) {
            Ok(flush) => {
                assert!(self.free(page, count));
                Self::flushed(flush, page, count);
                self.insert(page, physical, count, access);
            }
            Err(PagingError::Occupied { .. }) => assert!(!self.free(page, count)),
            Err(PagingError::Frames(_)) => {
                // The PDPT below the kernel's half may have come, and stays.
                assert!(self.machine.used() <= used + 1);
                assert_eq!(self.tables.first_mapping(start, bytes), None);
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn unmap(&mut self, page: u64, size: Level) {
        let whole = self.whole(page, size);
        let result = self.tables.unmap_page(address(page), size, &mut self.machine);
        match result {
            Ok((mapping, flush)) => {
                assert!(whole);
                let (frame, _) = self.model[&page];
                assert_eq!(
                    (mapping.page, mapping.physical.as_u64()),
                    (address(page), frame * PAGE_BYTES)
                );
                Self::flushed(flush, page, pages(size));
                self.forget(page, pages(size));
            }
            Err(PagingError::Frames(_)) => assert!(whole),
            Err(_) => assert!(!whole),
        }
        self.tables.release_tables(&mut self.machine);
    }

    fn unmap_range(&mut self, page: u64, count: u64) {
        let (mut seen, full) = (0, self.full(page, count));
        let bytes = count * PAGE_BYTES;
        let visit = |mapping: crate::paging::mapper::Mapping| seen += pages(mapping.level);
        match self.tables.unmap_range(address(page), bytes, &mut self.machine, visit) {
            Ok(flush) => {
                assert!(full && seen == count);
                Self::flushed(flush, page, count);
                self.forget(page, count);
            }
            Err(PagingError::Frames(_)) => assert!(full && seen == 0),
            Err(_) => assert!(!full && seen == 0),
        }
        self.tables.release_tables(&mut self.machine);
    }

    fn protect(&mut self, page: u64, size: Level, access: Access) {
        let whole = self.whole(page, size);
        match self.tables.protect_page(address(page), size, access, &mut self.machine) {
            Ok(flush) => {
                assert!(whole);
                Self::flushed(flush, page, pages(size));
                self.model.range_mut(page..page + pages(size)).for_each(|(_, to)| to.1 = access);
            }
            Err(PagingError::Frames(_)) => assert!(whole),
            Err(_) => assert!(!whole),
        }
    }

    fn protect_range(&mut self, page: u64, count: u64, access: Access) {
        let full = self.full(page, count);
        let (start, bytes) = (address(page), count * PAGE_BYTES);
        match self.tables.protect_range(start, bytes, access, &mut self.machine) {
            Ok(flush) => {
                assert!(full);
                Self::flushed(flush, page, count);
                self.model.range_mut(page..page + count).for_each(|(_, to)| to.1 = access);
            }
            Err(PagingError::Frames(_)) => assert!(full),
            Err(_) => assert!(!full),
        }
    }

    fn remap(&mut self, page: u64, physical: u64, size: Level) {
        let whole = self.whole(page, size);
        let to = PhysAddr::new(physical * PAGE_BYTES);
        match self.tables.remap(address(page), to, size, &mut self.machine) {
            Ok((old, flush)) => {
                assert!(whole);
                Self::flushed(flush, page, pages(size));
                assert_eq!(old.physical.as_u64(), self.model[&page].0 * PAGE_BYTES);
                let moved = self.model.range_mut(page..page + pages(size)).zip(physical..);
                moved.for_each(|((_, to), physical)| to.0 = physical);
            }
            Err(PagingError::Frames(_)) => assert!(whole),
            Err(_) => assert!(!whole),
        }
    }

    /// Compares one page in detail.
    fn compare_page(&self, page: u64) {
        let expected = self.model.get(&page).map(|&(frame, access)| {
            let flags = access.leaf_flags();
            let rights = crate::paging::access::Rights::ALL.through(flags);
            (frame * PAGE_BYTES + 7, rights)
        });
        let found = self.tables.translate(address(page) + 7u64);
        assert_eq!(found.map(|found| (found.physical.as_u64(), found.rights())), expected);
        // As the CPU walks, gathering the rights of all levels.
        let path = self.tables.walk(address(page), Level::Pt);
        let walked = path.entry.is_present().then(|| path.mapping(address(page)));
        assert_eq!(
            found.map(|found| (found.level(), found.rights())),
            walked.map(|mapping| (mapping.level, mapping.rights))
        );
    }

    /// Walks all tables: the pages are the model's, and every table in use is
    /// counted right, none is empty, and there are no others.
    fn compare_all(&self) {
        let mut found = 0;
        self.tables.for_each_page(|mapping| {
            let first = mapping.page.as_u64() / PAGE_BYTES;
            for at in 0..pages(mapping.level) {
                let (frame, _) = self.model[&(first + at)];
                assert_eq!(frame * PAGE_BYTES, mapping.physical.as_u64() + at * PAGE_BYTES);
                found += 1;
            }
        });
        assert_eq!(found, self.model.len());
        assert_eq!(self.count_tables(self.tables.root(), Level::Pml4, 0).1, self.machine.used());
    }

    /// Entries in use in a table, and the number of tables from it downwards.
    fn count_tables(&self, table: PhysFrame, level: Level, base: u64) -> (u16, usize) {
        let (mut present, mut tables) = (0, 1);
        for index in 0..ENTRIES {
            let start = VirtAddr::new_truncate(base + u64::from(index) * level.entry_bytes());
            let entry = self.tables.read(table, level, start);
            present += u16::from(entry.is_present());
            if let Some(below) = level.below()
                && entry.is_present()
                && !entry.is_leaf(level)
            {
                let (inside, more) = self.count_tables(entry.table(), below, start.as_u64());
                tables += more;
                let shared = level == Level::Pml4 && index >= ENTRIES / 2;
                assert_eq!(entry.count(), if shared { 0 } else { inside });
                assert!(inside > 0 || shared, "an empty table was kept");
            }
        }
        (present, tables)
    }
}

/// `fixed`: the mapper owns the kernel's half, and remembers what it reads there.
fn run(seed: u64, steps: usize, frames: usize, fixed: bool) {
    let mut machine = Machine::new(frames);
    let mut tables = machine.tables();
    let first = VirtAddr::new(BASES[0]);
    let access = Access::KERNEL_DATA;
    let mapped = tables.map(first, PhysAddr::zero(), Level::Pt, access, &mut machine);
    mapped.expect("maps").not_needed();
    if fixed {
        tables.fix_kernel_half();
    }
    tables.unmap(first).expect("mapped").1.not_needed();
    tables.release_tables(&mut machine);
    let random = Random(seed);
    let mut run = Run { machine, tables, model: Model::new(), random };
    for step in 0..steps {
        run.step();
        let page = run.random.page(step % 2);
        run.compare_page(page);
        if step % 2000 == 0 {
            run.compare_all();
        }
        if run.model.len() > 1 << 19 {
            run.clear();
        }
    }
    run.compare_all();
    run.clear();
    assert!(run.machine.used() <= 2, "root, and the PDPT of the kernel's half");
}

impl Run {
    /// Unmaps everything the model has.
    fn clear(&mut self) {
        while let Some((&page, _)) = self.model.first_key_value() {
            let run = (page..).zip(self.model.keys()).take_while(|(at, key)| at == *key);
            // Whatever is split, needs no frame then: whole runs end with a page.
            let count = run.count() as u64;
            self.unmap_range(page, count);
        }
        self.compare_all();
    }
}

#[test]
fn random_operations_agree_with_a_model() {
    let (seeds, steps) = if cfg!(miri) { (2, 8) } else { (4, 60_000) };
    for seed in 1..=seeds {
        run(
            0x9e37_79b9_7f4a_7c15 >> seed,
            steps,
            if cfg!(miri) { 64 } else { 1024 },
            seed % 2 == 0,
        );
    }
}

/// The same with so few frames that tables often cannot be made.
#[test]
fn random_operations_with_few_frames_agree_too() {
    let (seeds, steps) = if cfg!(miri) { (2, 8) } else { (4, 20_000) };
    for seed in 1..=seeds {
        run(0xd1b5_4a32_d192_ed03 >> seed, steps, 12, seed % 2 == 0);
    }
}
