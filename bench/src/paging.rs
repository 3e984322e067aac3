//! Page tables: what it costs to change and to read one translation.
//!
//! | names | what |
//! | --- | --- |
//! | `kernel/map-unmap` | `kernel::map` and `kernel::unmap` of one page, lock and TLB flushes included; the tables above it are present |
//! | `kernel/translate` | `kernel::translate` of a mapped page |
//! | `mapper/…` | the same in tables that are not the kernel's: no lock, `Mapper`'s own methods, flushed all the same |
//! | `mapper/translate-2M` | the same for an address in a large page |
//!
//! Pages are picked at random from [`PAGES`] neighbours, one of which stays
//! mapped, so that their page table always is there.

use crate::counter::{Counter, opaque};
use crate::random::Random;
use crate::report::Report;
use crate::samples::{CAPACITY, Samples};
use core::fmt::Display;
use m1_memory::frames::{FrameAllocator, KernelFrames};
use m1_memory::layout::{self, PAGE_BYTES};
use m1_memory::paging::access::Access;
use m1_memory::paging::entry::Level;
use m1_memory::paging::kernel;
use m1_memory::paging::mapper::Mapper;
use m1_memory::physical::DirectMap;
use spin::Mutex;
use x86_64::structures::paging::PhysFrame;
use x86_64::{PhysAddr, VirtAddr};

/// Pages that are mapped and unmapped; together with the one that stays, fewer
/// than a page table holds.
const PAGES: u64 = 256;

/// Where in tables of the bench's own.
const OWN: VirtAddr = VirtAddr::new_truncate(0x4000_0000);
/// A large page there.
const OWN_LARGE: VirtAddr = VirtAddr::new_truncate(0x8000_0000);

static SAMPLES: Mutex<Samples> = Mutex::new(Samples::new());

/// Measures the kernel's tables and a mapper of the bench's own.
pub fn measure(counter: Counter) {
    log::info!("paging: the kernel's tables, and a mapper's");
    let frame = KernelFrames.allocate().unwrap_or_else(|error| give_up(error));
    kernel_tables(counter, frame);
    own_tables(counter, frame);
    // SAFETY: the frame is mapped nowhere any more but in the bench's own
    // tables, which were never loaded.
    let freed = unsafe { KernelFrames.free(frame) };
    freed.unwrap_or_else(|error| give_up(error));
}

fn kernel_tables(counter: Counter, frame: PhysFrame) {
    // The far end of the heap's range: nothing grows to there in this kernel.
    let start = layout::HEAP.end - (PAGES + 1) * PAGE_BYTES;
    let kept = start + PAGES * PAGE_BYTES;
    kernel::map(kept, frame, Access::KERNEL_DATA).unwrap_or_else(|error| give_up(error));
    sample("kernel/map-unmap", counter, |page| {
        let address = start + page * PAGE_BYTES;
        let mapped = kernel::map(address, frame, Access::KERNEL_DATA);
        // SAFETY: nobody has used the page since it was mapped.
        let unmapped = unsafe { kernel::unmap(address) };
        u64::from(mapped.is_ok() && unmapped.is_ok())
    });
    sample("kernel/translate", counter, |offset| {
        kernel::translate(kept + offset).map_or(0, |found| found.physical.as_u64())
    });
    // SAFETY: nobody has used the page.
    let unmapped = unsafe { kernel::unmap(kept) };
    unmapped.unwrap_or_else(|error| give_up(error));
}

fn own_tables(counter: Counter, frame: PhysFrame) {
    let memory = DirectMap::new(layout::DIRECT_MAP).unwrap_or_else(|error| give_up(error));
    let mut tables =
        Mapper::create(memory, &mut KernelFrames).unwrap_or_else(|error| give_up(error));
    let kept = OWN + PAGES * PAGE_BYTES;
    let large = PhysAddr::new(Level::Pd.entry_bytes());
    for (address, physical, size) in
        [(kept, frame.start_address(), Level::Pt), (OWN_LARGE, large, Level::Pd)]
    {
        tables
            .map(address, physical, size, Access::USER_DATA, &mut KernelFrames)
            .unwrap_or_else(|error| give_up(error))
            .not_needed();
    }
    let physical = frame.start_address();
    sample("mapper/map-unmap", counter, |page| {
        let address = OWN + page * PAGE_BYTES;
        let mapped = tables
            .map(address, physical, Level::Pt, Access::USER_DATA, &mut KernelFrames)
            .map(|flush| flush.now());
        let unmapped = tables.unmap(address).map(|(_, flush)| flush.now());
        u64::from(mapped.is_ok() && unmapped.is_ok())
    });
    sample("mapper/translate", counter, |offset| {
        tables.translate(kept + offset).map_or(0, |found| found.physical.as_u64())
    });
    sample("mapper/translate-2M", counter, |offset| {
        tables.translate(OWN_LARGE + offset).map_or(0, |found| found.physical.as_u64())
    });
}

/// Counts `work` with random numbers below [`PAGES`]; 0 means that it failed.
fn sample(name: &str, counter: Counter, mut work: impl FnMut(u64) -> u64) {
    let mut samples = SAMPLES.lock();
    samples.clear();
    let mut random = Random::default();
    for _ in 0..CAPACITY {
        let number = opaque(random.below(PAGES));
        let (count, result) = counter.count(|| work(number));
        if result == 0 {
            let message = format_args!("the operation failed");
            Report::OURS.check(format_args!("paging/{name}"), false, message);
        }
        samples.add(count);
    }
    Report::OURS.statistics(format_args!("paging/{name}"), &mut samples);
}

fn give_up(error: impl Display) -> ! {
    panic!("bench: {error}")
}
