//! What a frame is used for.

use core::fmt;

/// What its taker wants a frame for. It is noted with the frame, so statistics
/// need no help from whoever frees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// Page tables of the kernel and of processes.
    PageTables,
    /// Kernel stacks.
    Stacks,
    /// The kernel heap.
    Heap,
    /// Code, data and stacks of user programs.
    User,
    /// Memory that devices read or write by themselves.
    Dma,
    /// Anything else.
    #[default]
    Other,
}

impl Purpose {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::PageTables, Self::Stacks, Self::Heap, Self::User, Self::Dma, Self::Other];

    /// As people read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PageTables => "page tables",
            Self::Stacks => "kernel stacks",
            Self::Heap => "kernel heap",
            Self::User => "user memory",
            Self::Dma => "device buffers",
            Self::Other => "other",
        }
    }
}

const _: () = {
    let mut index = 0;
    while index < Purpose::ALL.len() {
        assert!(Purpose::ALL[index] as usize == index, "Purpose::ALL is out of order");
        index += 1;
    }
};

/// What the allocator knows about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// To be had.
    Free,
    /// Given out.
    Taken(Purpose),
    /// Set aside: neither given out nor to be freed.
    Reserved,
    /// Not managed: no RAM, or RAM that belongs to somebody else.
    Foreign,
}

impl Usage {
    /// One word for the kind: the flags of a `region` event.
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Taken(_) => "taken",
            Self::Reserved => "reserved",
            Self::Foreign => "foreign",
        }
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Taken(purpose) => purpose.name(),
            other => other.flag(),
        })
    }
}
