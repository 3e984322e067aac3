//! Peers of the heap, each built as its documentation shows.
//!
//! Calls go through one function that is not inlined, as a call of
//! `GlobalAlloc` does.

use bench::counter::Counter;
use bench::heap::{self, FULL_BYTES, HeapBench};
use bench::pages::Pages;
use bench::report::Report;
use core::alloc::Layout;
use core::ptr::{self, NonNull};
use rlsf::Tlsf;
use spin::Mutex;
use talc::DefaultBinning;
use talc::base::Talc;
use talc::source::Manual;

/// rlsf's lists: every power of two split in 16, as in its documentation's
/// example, with enough powers for our arena.
type Rlsf = Tlsf<'static, u32, u16, 20, 16>;

/// buddy_system_allocator's orders: blocks up to 2 GiB, as in its documentation.
type Buddy = buddy_system_allocator::Heap<32>;

/// A peer behind a lock.
struct Locked<A>(Mutex<A>);

/// Allocating and giving back, as the peers name it.
trait Peer {
    fn take(&mut self, layout: Layout) -> Option<NonNull<u8>>;

    /// # Safety
    /// The block came from `take` with this layout.
    unsafe fn give(&mut self, block: NonNull<u8>, layout: Layout);
}

/// Measures all of them, one after the other in the same arena.
pub fn measure(counter: Counter) {
    let arena = Pages::new(FULL_BYTES).unwrap_or_else(|error| panic!("bench: {error}"));
    let (start, bytes) = (arena.start(), arena.bytes());

    let mut talc = Talc::<Manual, DefaultBinning>::new(Manual);
    // SAFETY: the arena is ours, lives until the end of this function, and only
    // one peer at a time uses it.
    let claimed = unsafe { talc.claim(start, bytes) };
    assert!(claimed.is_some(), "talc refuses its arena");
    run("talc", talc, counter);

    let mut rlsf = Rlsf::new();
    let block = NonNull::slice_from_raw_parts(non_null(start), bytes);
    // SAFETY: as for talc.
    let inserted = unsafe { rlsf.insert_free_block_ptr(block) };
    assert!(inserted.is_some(), "rlsf refuses its arena");
    run("rlsf", rlsf, counter);

    let mut list = linked_list_allocator::Heap::empty();
    // SAFETY: as for talc.
    unsafe { list.init(start, bytes) };
    run("linked_list_allocator", list, counter);

    let mut buddy = Buddy::empty();
    // SAFETY: as for talc.
    unsafe { buddy.init(start as usize, bytes) };
    run("buddy_system_allocator", buddy, counter);
}

fn run<A: Peer>(name: &'static str, peer: A, counter: Counter) {
    log::info!("heap: {name}");
    let mut table = heap::table();
    let mut heap = Locked(Mutex::new(peer));
    heap::measure(&mut heap, &mut table, counter, Report::of_peer(name));
}

fn non_null(start: *mut u8) -> NonNull<u8> {
    NonNull::new(start).unwrap_or_else(|| panic!("the arena is at address 0"))
}

// SAFETY: blocks come from the peer.
unsafe impl<A: Peer> HeapBench for Locked<A> {
    #[inline(never)]
    fn allocate(&mut self, layout: Layout) -> *mut u8 {
        self.0.lock().take(layout).map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    #[inline(never)]
    unsafe fn deallocate(&mut self, block: *mut u8, layout: Layout) {
        if let Some(block) = NonNull::new(block) {
            // SAFETY: caller's contract.
            unsafe { self.0.lock().give(block, layout) }
        }
    }

    fn occupied_bytes(&self) -> u64 {
        FULL_BYTES
    }
}

impl Peer for Talc<Manual, DefaultBinning> {
    #[inline(always)]
    fn take(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: no workload asks for a block of size zero.
        unsafe { self.allocate(layout) }
    }

    #[inline(always)]
    unsafe fn give(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: caller's contract.
        unsafe { self.deallocate(block.as_ptr(), layout) }
    }
}

impl Peer for Rlsf {
    #[inline(always)]
    fn take(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.allocate(layout)
    }

    #[inline(always)]
    unsafe fn give(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: caller's contract.
        unsafe { self.deallocate(block, layout.align()) }
    }
}

impl Peer for linked_list_allocator::Heap {
    #[inline(always)]
    fn take(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.allocate_first_fit(layout).ok()
    }

    #[inline(always)]
    unsafe fn give(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: caller's contract.
        unsafe { self.deallocate(block, layout) }
    }
}

impl Peer for Buddy {
    #[inline(always)]
    fn take(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        self.alloc(layout).ok()
    }

    #[inline(always)]
    unsafe fn give(&mut self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: caller's contract.
        unsafe { self.dealloc(block, layout) }
    }
}
