//! M1's heap over a buffer, and what its page map says after each request.
//!
//! The heap keeps its records at the start of its range, where a second [`PageMap`] reads
//! them. Which blocks wait in the cache no record tells: they are the ones that are neither
//! given out nor free in their slab.

use anyhow::{Context, Result, ensure};
use m1_memory::heap::{
    Summary,
    blocks::Heap,
    guard,
    page_map::{Kind, PAGE, PageMap, Run},
    source::{OutOfMemory, PageSource},
    statistics::Statistics,
};
use std::{alloc::Layout, cell::RefCell, collections::BTreeMap, ptr::NonNull, rc::Rc};

/// Pages of the heap's range.
pub const PAGES: u32 = 128;
/// A block that waits in the cache.
pub const CACHED: char = 'c';
/// A block in its slab's list.
pub const FREE: char = 'f';
/// A block that was never used.
pub const UNTOUCHED: char = '-';

/// A page of the buffer.
#[derive(Clone)]
#[repr(C, align(4096))]
struct Bytes([u8; PAGE]);

/// Which pages have memory behind them.
type Mapped = Rc<RefCell<Vec<bool>>>;

/// The buffer as a source: memory is there from the start, and this notes what is asked for.
struct Source(Mapped);

// SAFETY: the pages are the rig's buffer's, which nothing else uses while the heap lives.
unsafe impl PageSource for Source {
    fn map(&mut self, run: Run) -> Result<(), OutOfMemory> {
        self.0.borrow_mut()[run.first.0 as usize..run.end().0 as usize].fill(true);
        Ok(())
    }

    unsafe fn unmap(&mut self, run: Run) {
        self.0.borrow_mut()[run.first.0 as usize..run.end().0 as usize].fill(false);
    }
}

/// A run of pages, as the widget draws it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    pub run: Run,
    pub kind: Kind,
    /// A slab's block size; 0 of other runs.
    pub block_bytes: usize,
    /// A slab's blocks by address, one character each; of a large block its name.
    pub blocks: String,
}

/// A heap, its buffer, and the blocks that it has given out, by name.
pub struct Rig {
    heap: Heap<Source>,
    map: PageMap,
    mapped: Mapped,
    blocks: BTreeMap<char, (NonNull<u8>, Layout)>,
    /// Where all of it lies; used through the heap's and the map's pointer alone.
    _buffer: Vec<Bytes>,
}

impl Rig {
    /// A heap that nobody has asked for anything.
    pub fn new() -> Self {
        let mut buffer = vec![Bytes([0; PAGE]); PAGES as usize];
        let base = buffer.as_mut_ptr().cast::<u8>();
        let mapped = Rc::new(RefCell::new(vec![false; PAGES as usize]));
        // SAFETY: the buffer starts on a page boundary, moves with the heap into the rig
        // without moving its pages, and has all of them.
        let heap = unsafe { Heap::new(base, PAGES, Source(Rc::clone(&mapped))) };
        let map = PageMap::new(base, PAGES);
        Self { heap, map, mapped, blocks: BTreeMap::new(), _buffer: buffer }
    }

    /// Asks for a block; says whether there was one.
    ///
    /// # Errors
    /// If the name is taken or the size no layout.
    pub fn take(&mut self, name: char, bytes: usize) -> Result<bool> {
        ensure!(!self.blocks.contains_key(&name), "there is a block {name}");
        let layout = Layout::from_size_align(bytes, 8)?;
        let block = self.heap.allocate(layout);
        if let Some(block) = block {
            self.blocks.insert(name, (block, layout));
        }
        Ok(block.is_some())
    }

    /// Gives a block back.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn give(&mut self, name: char) -> Result<()> {
        let (block, layout) =
            self.blocks.remove(&name).with_context(|| format!("there is no block {name}"))?;
        // SAFETY: the heap gave it out by this layout, and the ledger has it no more.
        unsafe { self.heap.deallocate(block, layout) };
        Ok(())
    }

    /// Offset of a block from the start of the range.
    pub fn offset(&self, name: char) -> Option<usize> {
        self.blocks.get(&name).map(|(block, _)| self.offset_of(block.as_ptr()))
    }

    fn offset_of(&self, block: *const u8) -> usize {
        block.addr() - self.map.address(m1_memory::heap::page_map::Page(0)).addr()
    }

    /// Bytes that were asked for and not given back.
    pub fn asked_bytes(&self) -> usize {
        self.blocks.values().map(|(_, layout)| layout.size()).sum()
    }

    /// Pages with memory behind them, one flag each.
    pub fn mapped(&self) -> Vec<bool> {
        self.mapped.borrow().clone()
    }

    /// The heap's own figures.
    pub fn statistics(&self) -> Statistics {
        self.heap.statistics()
    }

    /// The heap's own audit.
    ///
    /// # Errors
    /// If it finds a contradiction.
    pub fn audit(&self) -> Result<Summary> {
        self.heap.audit().map_err(|violation| anyhow::anyhow!("{violation}"))
    }

    /// All runs in order of addresses.
    ///
    /// # Errors
    /// If the audit finds a contradiction.
    pub fn runs(&self) -> Result<Vec<View>> {
        let summary = self.audit()?;
        let slabs: u64 = summary.classes.iter().map(|class| class.slab_bytes).sum();
        let bytes = slabs + summary.large_bytes + summary.free_bytes + summary.unmapped_bytes;
        let top = self.map.first().plus((bytes / PAGE as u64) as u32);
        let (mut runs, mut page) = (Vec::new(), self.map.first());
        while page < top {
            // SAFETY: runs cover all pages below the top, whose records are mapped.
            let (run, kind) = unsafe { (self.map.run_at(page), (*self.map.record(page)).kind) };
            let (block_bytes, blocks) = match kind {
                Kind::Slab => self.slab(run)?,
                Kind::Large => (0, self.at(run.first.0 as usize * PAGE).into_iter().collect()),
                Kind::Free | Kind::Unmapped | Kind::Never => (0, String::new()),
            };
            runs.push(View { run, kind, block_bytes, blocks });
            page = run.end();
        }
        Ok(runs)
    }

    /// The name of the block at an offset.
    fn at(&self, offset: usize) -> Option<char> {
        self.blocks.keys().copied().find(|name| self.offset(*name) == Some(offset))
    }

    /// Block size and blocks of a slab.
    fn slab(&self, run: Run) -> Result<(usize, String)> {
        let slab = self.map.record(run.first);
        let mut free = Vec::new();
        // SAFETY: it is the record of a slab, and nothing runs beside this.
        let (bytes, carved, capacity) = unsafe {
            guard::for_each_free(&self.map, slab, |block| {
                free.push(self.offset_of(block.cast()));
            })
            .map_err(|violation| anyhow::anyhow!("{violation}"))?;
            (usize::from((*slab).block_bytes), usize::from((*slab).carved), (*slab).capacity())
        };
        let state = |index: usize| {
            let offset = run.first.0 as usize * PAGE + index * bytes;
            match self.at(offset) {
                Some(name) => name,
                None if index >= carved => UNTOUCHED,
                None if free.contains(&offset) => FREE,
                None => CACHED,
            }
        };
        Ok((bytes, (0..usize::from(capacity)).map(state).collect()))
    }
}
