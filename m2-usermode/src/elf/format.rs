//! Where the numbers are in an ELF-64 file (System V ABI, "ELF Header" and
//! "Program Header").

/// Offsets in the file header, and what stands there.
pub mod header {
    pub const MAGIC: [u8; 4] = *b"\x7fELF";
    pub const CLASS: usize = 4;
    pub const DATA: usize = 5;
    pub const TYPE: usize = 16;
    pub const MACHINE: usize = 18;
    pub const ENTRY: usize = 24;
    pub const TABLE: usize = 32;
    pub const ENTRY_BYTES: usize = 54;
    pub const ENTRIES: usize = 56;

    pub const CLASS_64: u8 = 2;
    pub const LITTLE_ENDIAN: u8 = 1;
    pub const POSITION_INDEPENDENT: u16 = 3;
    pub const X86_64: u16 = 62;
}

/// Offsets in a program header, and what stands there.
pub mod program_header {
    pub const BYTES: usize = 56;
    pub const TYPE: usize = 0;
    pub const FLAGS: usize = 4;
    pub const OFFSET: usize = 8;
    pub const ADDRESS: usize = 16;
    pub const FILE_BYTES: usize = 32;
    pub const MEMORY_BYTES: usize = 40;

    pub const LOAD: u32 = 1;
    pub const DYNAMIC: u32 = 2;
    pub const INTERPRETER: u32 = 3;
    pub const THREAD_LOCAL: u32 = 7;

    pub const EXECUTE: u32 = 1;
    pub const WRITE: u32 = 2;
}
