//! What is asked of the heap, and why it answers as it does.

/// A request, or several of a kind. Each character is the name of a block.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Only look.
    Nothing,
    /// Ask for blocks of that many bytes.
    Take(&'static str, usize),
    /// Give blocks back.
    Give(&'static str),
    /// Ask for more than there is.
    Refused(usize),
}

/// A step.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub act: Act,
    /// What happens, and why.
    pub text: &'static str,
}

const fn step(act: Act, text: &'static str) -> Step {
    Step { act, text }
}

use Act::{Give, Nothing, Refused, Take};

/// The heap's life.
pub const STEPS: &[Step] = &[
    step(Nothing, "The heap has a range of addresses and no memory behind it."),
    step(
        Take("A", 500),
        "The heap grows: pages for blocks, and one for the records (R) that say what each page is. One page becomes a slab of 512-byte blocks. A gets the first of them.",
    ),
    step(Take("B", 480), "480 bytes are of the same class. The next block of the slab serves."),
    step(Take("C", 100), "Another class, so another slab: its blocks have 112 bytes."),
    step(
        Take("D", 1000),
        "A slab for blocks of 1024 bytes takes two pages: it shall hold at least eight of them.",
    ),
    step(
        Take("E", 10_000),
        "More than a page: no slab, but a run of whole pages. The rest of the last page is lost.",
    ),
    step(Take("F", 6000), "The next run, cut from what is free."),
    step(Take("G", 9000), "And one more: the runs lie one behind the other."),
    step(Give("B"), "B's block goes into the cache (c). Its slab does not hear of it."),
    step(Take("H", 512), "The cache serves first: H gets the block that B had."),
    step(
        Take("IJKLMN", 500),
        "The slab is full now. It leaves the list of its class, so nobody looks at it in vain.",
    ),
    step(Take("O", 500), "No slab of this class has a free block: a new one is made."),
    step(
        Take("P", 16_000),
        "The free pages at the end are too few. The heap grows by at least 16 pages, and joins them with those.",
    ),
    step(
        Give("E"),
        "E's pages are free. On both sides blocks are in use, so there is nothing to join.",
    ),
    step(Give("F"), "F's pages join with E's: one free run, long enough for larger requests."),
    step(
        Take("Q", 5000),
        "Two free runs are long enough. The shorter one fits better; what is left of it stays free.",
    ),
    step(Give("G"), "G's pages join with the free run before them."),
    step(Give("Q"), "And Q's with the run behind: three blocks' pages are one run again."),
    step(
        Give("AHIJKLMN"),
        "Eight blocks of one class fill the cache. For their slab they are still in use.",
    ),
    step(
        Give("O"),
        "The cache is full, so O's block goes to its slab (f). The slab is empty but stays: it is the only one that its class can take blocks from.",
    ),
    step(
        Take("R", 500),
        "Last in, first out: R gets the block that was freed last of those in the cache.",
    ),
    step(Give("R"), "And back to the cache."),
    step(
        Take("S", 240_000),
        "No free run is long enough. Before the heap grows, it gives its reserves back: the cached blocks to their slabs, and the empty slabs to the free runs.",
    ),
    step(
        Take("T", 60_000),
        "Longer than every free run, so the heap grows again, and a page is left over.",
    ),
    step(Give("P"), "P's pages join with the free run before them."),
    step(
        Give("S"),
        "S's pages and the free ones before make a run of more than 63 pages. The heap keeps 32 of them and gives the memory of the others back: these addresses are unmapped (u).",
    ),
    step(
        Take("U", 150_000),
        "The free run is too short, but behind it is the hole. The heap maps the beginning of the hole again, and does not grow at its end.",
    ),
    step(Give("U"), "U's pages join with the free run behind them."),
    step(
        Refused(500_000),
        "No room for so many neighbouring pages. Before it gave up, the heap gave the memory of all free pages back. C, D and T are as they were: a request that fails harms nobody.",
    ),
    step(
        Take("V", 500),
        "No page is free. The heap maps 16 pages of a hole again, and leaves its end where it is.",
    ),
    step(Give("T"), "T's pages stay mapped, for what comes next."),
    step(
        Give("CDV"),
        "All is freed; no byte is in use. The three blocks wait in the cache, and so their slabs stay.",
    ),
];
