//! Page tables: what it costs to change and to read one translation.
//!
//! | names | what |
//! | --- | --- |
//! | `kernel/map-unmap` | `kernel::map` and `kernel::unmap` of one page, lock and TLB flushes included; the tables above it are present |
//! | `kernel/translate` | `kernel::translate` of a mapped page |
//! | `kernel/translate-spread` | the same all over the kernel's half: [`SPANS`] pieces of 2 MiB in heap, stacks, image and direct map |
//! | `mapper/…` | the same in tables that are not the kernel's: no lock, `Mapper`'s own methods, flushed all the same |
//! | `mapper/translate-2M` | the same for an address in a large page |
//! | `mapper/translate-cold` | the whole way down: more page directories than a mapper remembers, so nearly each is a new one |
//!
//! Pages are picked at random from [`PAGES`] neighbours, beside one that stays
//! mapped, so that their page table always is there. Each was visited once before
//! the counting begins.

use crate::counter::{Counter, opaque};
use crate::random::Random;
use crate::report::Report;
use crate::samples::{CAPACITY, Samples};
use arrayvec::ArrayVec;
use core::fmt::Display;
use core::ops::Range;
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

/// Pieces of 2 MiB that `translate-spread` goes over.
const SPANS: usize = 64;

/// Page directories that `translate-cold` goes over.
const DIRECTORIES: u64 = 256;

/// Where in tables of the bench's own.
const OWN: VirtAddr = VirtAddr::new_truncate(0x4000_0000);
/// A large page there.
const OWN_LARGE: VirtAddr = VirtAddr::new_truncate(0x8000_0000);
/// One page in each of many page directories.
const OWN_COLD: VirtAddr = VirtAddr::new_truncate(0x10_0000_0000);

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
    let neighbour = |page| start + page * PAGE_BYTES;
    sample("kernel/map-unmap", counter, neighbour, |address| {
        let mapped = kernel::map(address, frame, Access::KERNEL_DATA);
        // SAFETY: nobody has used the page since it was mapped.
        let unmapped = unsafe { kernel::unmap(address) };
        u64::from(mapped.is_ok() && unmapped.is_ok())
    });
    sample("kernel/translate", counter, |offset| kept + offset, translated);
    spread(counter, frame);
    // SAFETY: nobody has used the page.
    let unmapped = unsafe { kernel::unmap(kept) };
    unmapped.unwrap_or_else(|error| give_up(error));
}

/// Pages of all kinds in as many places, each in 2 MiB of its own: a quarter in
/// the heap's range, a quarter among the stacks, the image, and direct map.
fn spread(counter: Counter, frame: PhysFrame) {
    let far_end = |range: Range<VirtAddr>| {
        (1..=SPANS as u64 / 4).map(move |span| range.end - span * Level::Pd.entry_bytes())
    };
    let mut places: ArrayVec<VirtAddr, SPANS> =
        far_end(layout::HEAP).chain(far_end(layout::STACKS)).collect();
    let mapped = places.len();
    for &page in &places {
        kernel::map(page, frame, Access::KERNEL_DATA).unwrap_or_else(|error| give_up(error));
    }
    places.push(VirtAddr::from_ptr(spread as *const ()));
    let direct_map = (0..).map(|span| layout::DIRECT_MAP + span * Level::Pd.entry_bytes());
    let ram = direct_map.filter(|&page| kernel::translate(page).is_some());
    places.extend(ram.take(SPANS - places.len()));

    let place = |number| places[number as usize % SPANS] + number / SPANS as u64;
    sample("kernel/translate-spread", counter, place, translated);
    for &page in &places[..mapped] {
        // SAFETY: nobody has used the page.
        unsafe { kernel::unmap(page) }.unwrap_or_else(|error| give_up(error));
    }
}

fn translated(address: VirtAddr) -> u64 {
    kernel::translate(address).map_or(0, |found| found.physical.as_u64())
}

fn own_tables(counter: Counter, frame: PhysFrame) {
    let memory = DirectMap::new(layout::DIRECT_MAP).unwrap_or_else(|error| give_up(error));
    let mut tables =
        Mapper::create(memory, &mut KernelFrames).unwrap_or_else(|error| give_up(error));
    let kept = OWN + PAGES * PAGE_BYTES;
    let large = PhysAddr::new(Level::Pd.entry_bytes());
    let physical = frame.start_address();
    let cold = (0..DIRECTORIES).map(|number| OWN_COLD + number * Level::Pdpt.entry_bytes());
    let cold = cold.map(|address| (address, physical, Level::Pt));
    for (address, physical, size) in
        [(kept, physical, Level::Pt), (OWN_LARGE, large, Level::Pd)].into_iter().chain(cold)
    {
        tables
            .map(address, physical, size, Access::USER_DATA, &mut KernelFrames)
            .unwrap_or_else(|error| give_up(error))
            .not_needed();
    }
    let neighbour = |page| OWN + page * PAGE_BYTES;
    sample("mapper/map-unmap", counter, neighbour, |address| {
        let mapped = tables
            .map(address, physical, Level::Pt, Access::USER_DATA, &mut KernelFrames)
            .map(|flush| flush.now());
        let unmapped = tables.unmap(address).map(|(_, flush)| flush.now());
        u64::from(mapped.is_ok() && unmapped.is_ok())
    });
    const { assert!(DIRECTORIES == PAGES) };
    let places: [(&str, &dyn Fn(u64) -> VirtAddr); 3] = [
        ("mapper/translate", &|offset| kept + offset),
        ("mapper/translate-2M", &|offset| OWN_LARGE + offset),
        ("mapper/translate-cold", &|number| OWN_COLD + number * Level::Pdpt.entry_bytes()),
    ];
    for (name, place) in places {
        sample(name, counter, place, |address| {
            tables.translate(address).map_or(0, |found| found.physical.as_u64())
        });
    }
}

/// Counts `work` on addresses that `pick` finds for random numbers below
/// [`PAGES`]; 0 means that it failed.
fn sample(
    name: &str,
    counter: Counter,
    pick: impl Fn(u64) -> VirtAddr,
    mut work: impl FnMut(VirtAddr) -> u64,
) {
    let mut samples = SAMPLES.lock();
    samples.clear();
    for number in 0..PAGES {
        work(pick(number));
    }
    let mut random = Random::default();
    for _ in 0..CAPACITY {
        let address = opaque(pick(random.below(PAGES)).as_u64());
        // SAFETY: canonical, as it was before. `new` would be counted.
        let address = unsafe { VirtAddr::new_unsafe(address) };
        let (count, result) = counter.count(|| work(address));
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
