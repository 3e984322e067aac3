//! A first-fit heap: free blocks in a list sorted by address.
//!
//! ```text
//!  head -> [ size | next ]......   [ size | next ]...   (free blocks)
//!               used bytes between them, without headers
//! ```
//!
//! A block is at least [`GRAIN`] bytes and aligned to it, so a free block always
//! has room for its own node. Used blocks need no header: the caller of
//! `deallocate` brings the layout. Neighbours are joined when one is freed.

use core::alloc::Layout;
use core::ptr::{self, NonNull};

/// Smallest block and smallest alignment.
pub const GRAIN: usize = 16;
const _: () = assert!(size_of::<Node>() == GRAIN && align_of::<Node>() <= GRAIN);

/// The head of a free block, in the block itself.
struct Node {
    bytes: usize,
    next: Option<NonNull<Node>>,
}

/// A heap over memory given to it with [`FreeList::add`].
pub struct FreeList {
    head: Option<NonNull<Node>>,
    free_bytes: usize,
}

// SAFETY: the list owns the memory it points to; nothing in it belongs to a
// particular thread.
unsafe impl Send for FreeList {}

impl Default for FreeList {
    fn default() -> Self {
        Self::new()
    }
}

/// The size of the block that serves `layout`.
pub fn block_bytes(layout: Layout) -> Option<usize> {
    layout.size().max(1).checked_next_multiple_of(GRAIN)
}

impl FreeList {
    /// A heap without memory.
    pub const fn new() -> Self {
        Self { head: None, free_bytes: 0 }
    }

    /// Bytes in free blocks.
    pub fn free_bytes(&self) -> usize {
        self.free_bytes
    }

    /// Adds memory: new, or freed.
    ///
    /// # Safety
    /// The memory is valid for reads and writes, aligned to [`GRAIN`], a
    /// multiple of it long, used by nobody else, and not in the list already.
    pub unsafe fn add(&mut self, start: NonNull<u8>, bytes: usize) {
        let mut before: Option<NonNull<Node>> = None;
        let mut after = self.head;
        while let Some(node) = after.filter(|node| node.as_ptr() < start.as_ptr().cast()) {
            before = after;
            // SAFETY: nodes in the list are valid free blocks of ours.
            after = unsafe { node.as_ref().next };
        }
        self.free_bytes += bytes;
        let node = start.cast::<Node>();
        // SAFETY: the block is valid, ours (contract), and has room for a node.
        unsafe { node.write(Node { bytes, next: after }) };
        match before {
            // SAFETY: `before` is a node of the list.
            Some(mut before) => unsafe {
                before.as_mut().next = Some(node);
                join(node);
                join(before);
            },
            None => {
                self.head = Some(node);
                // SAFETY: `node` was just put into the list.
                unsafe { join(node) };
            }
        }
    }

    /// Takes a block that fits `layout`, or `None` if there is none.
    pub fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let bytes = block_bytes(layout)?;
        let align = layout.align().max(GRAIN);
        let mut before: Option<NonNull<Node>> = None;
        let mut current = self.head;
        while let Some(node) = current {
            // SAFETY: nodes in the list are valid free blocks of ours.
            let Node { bytes: room, next } = unsafe { node.read() };
            let skip = node.cast::<u8>().align_offset(align);
            if skip.checked_add(bytes).is_some_and(|needed| needed <= room) {
                // SAFETY: `skip + bytes` lies within the block.
                return Some(unsafe { self.carve(before, node, skip, bytes) });
            }
            before = current;
            current = next;
        }
        None
    }

    /// Gives a block back.
    ///
    /// # Safety
    /// The block came from [`FreeList::allocate`] with the same layout, and
    /// nobody uses it any more.
    pub unsafe fn deallocate(&mut self, block: NonNull<u8>, layout: Layout) {
        if let Some(bytes) = block_bytes(layout) {
            // SAFETY: caller's contract; sizes are rounded as in `allocate`.
            unsafe { self.add(block, bytes) };
        }
    }

    /// Cuts `bytes` out of the free block `node`, `skip` bytes from its start;
    /// what is left before and behind stays in the list.
    ///
    /// # Safety
    /// `node` is in the list, `before` precedes it, and it is long enough.
    unsafe fn carve(
        &mut self,
        before: Option<NonNull<Node>>,
        node: NonNull<Node>,
        skip: usize,
        bytes: usize,
    ) -> NonNull<u8> {
        // SAFETY: all pointers stay within the block; `skip`, `bytes` and the
        // block's size are multiples of GRAIN, so any rest has room for a node.
        unsafe {
            let Node { bytes: room, next } = node.read();
            let block = node.cast::<u8>().add(skip);
            let rest = room - skip - bytes;
            let mut following = next;
            if rest > 0 {
                let tail = block.add(bytes).cast::<Node>();
                tail.write(Node { bytes: rest, next });
                following = Some(tail);
            }
            if skip > 0 {
                node.write(Node { bytes: skip, next: following });
            } else {
                match before {
                    Some(mut before) => before.as_mut().next = following,
                    None => self.head = following,
                }
            }
            self.free_bytes -= bytes;
            block
        }
    }
}

/// Joins a free block with its successor if they touch.
///
/// # Safety
/// `node` is in the list.
unsafe fn join(mut node: NonNull<Node>) {
    // SAFETY: caller's contract; the successor is a node of the list too.
    unsafe {
        let end = node.as_ptr().byte_add(node.as_ref().bytes);
        if let Some(next) = node.as_ref().next.filter(|next| ptr::eq(next.as_ptr(), end)) {
            let Node { bytes, next } = next.read();
            node.as_mut().bytes += bytes;
            node.as_mut().next = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An aligned buffer to be a heap in.
    #[repr(align(4096))]
    struct Arena([u8; 16 * 1024]);

    fn heap(arena: &mut Arena) -> FreeList {
        let mut heap = FreeList::new();
        // SAFETY: the arena is aligned, ours, and outlives the heap in each test.
        unsafe { heap.add(NonNull::from(&mut arena.0).cast(), arena.0.len()) };
        heap
    }

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).expect("a valid layout")
    }

    #[test]
    fn alignment_is_honoured_and_the_gap_is_not_lost() {
        let mut arena = Box::new(Arena([0; 16 * 1024]));
        let mut heap = heap(&mut arena);
        let small = heap.allocate(layout(1, 1)).expect("fits");
        let page = heap.allocate(layout(4096, 4096)).expect("fits");
        assert_eq!(page.as_ptr() as usize % 4096, 0);
        let gap = heap.allocate(layout(4096 - GRAIN, 1)).expect("the gap between them");
        assert!(gap < page && gap > small);
    }

    #[test]
    fn neighbours_are_joined_whatever_the_order() {
        let mut arena = Box::new(Arena([0; 16 * 1024]));
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1]] {
            let mut heap = heap(&mut arena);
            let part = layout(5 * 1024, 16);
            let parts: Vec<_> = (0..3).map(|_| heap.allocate(part).expect("three fit")).collect();
            for index in order {
                // SAFETY: allocated above with this layout, freed once.
                unsafe { heap.deallocate(parts[index], part) };
            }
            assert!(heap.allocate(layout(16 * 1024, 16)).is_some(), "order {order:?}");
        }
    }

    #[test]
    fn a_block_that_cannot_fit_is_none() {
        let mut arena = Box::new(Arena([0; 16 * 1024]));
        let mut heap = heap(&mut arena);
        assert_eq!(heap.allocate(layout(17 * 1024, 16)), None);
        assert_eq!(heap.allocate(layout(isize::MAX as usize, 1)), None);
        assert_eq!(heap.free_bytes(), 16 * 1024);
    }

    proptest! {
        /// Blocks never overlap, keep their bytes, and all come back.
        #[test]
        fn blocks_are_disjoint(
            steps in prop::collection::vec((any::<bool>(), 1usize..600, 0u32..8), 1..200)
        ) {
            let mut arena = Box::new(Arena([0; 16 * 1024]));
            let mut heap = heap(&mut arena);
            let mut live: Vec<(NonNull<u8>, Layout, u8)> = Vec::new();
            for (step, (take, size, align)) in steps.into_iter().enumerate() {
                let fill = step as u8;
                if take || live.is_empty() {
                    let layout = layout(size, 1 << align);
                    if let Some(block) = heap.allocate(layout) {
                        prop_assert_eq!(block.as_ptr() as usize % layout.align(), 0);
                        // SAFETY: the block is at least `size` bytes and ours.
                        unsafe { block.as_ptr().write_bytes(fill, size) };
                        live.push((block, layout, fill));
                    }
                } else {
                    let (block, layout, fill) = live.swap_remove(size % live.len());
                    // SAFETY: the block is live, `layout` is its own.
                    unsafe {
                        let bytes = core::slice::from_raw_parts(block.as_ptr(), layout.size());
                        prop_assert!(bytes.iter().all(|&byte| byte == fill), "overwritten");
                        heap.deallocate(block, layout);
                    }
                }
            }
            for (block, layout, _) in live {
                // SAFETY: as above.
                unsafe { heap.deallocate(block, layout) };
            }
            prop_assert_eq!(heap.free_bytes(), 16 * 1024);
            prop_assert!(heap.allocate(layout(16 * 1024, 16)).is_some(), "one block again");
        }
    }
}
