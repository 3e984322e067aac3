//! Exercise: one gate of the interrupt descriptor table.
//!
//! The CPU finds its way from a vector number to your handler through 16 bytes. You
//! write the function that puts them together. README.md beside this folder has the
//! picture of those bytes.

#![no_std]

/// A gate as it lies in memory: the table's bytes 0 to 7, and 8 to 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Gate {
    /// Bits 0 to 63.
    pub low: u64,
    /// Bits 64 to 127.
    pub high: u64,
}

/// "64-bit interrupt gate": the CPU clears IF on entry.
const INTERRUPT_GATE: u64 = 0b1110;

impl Gate {
    /// A present interrupt gate.
    ///
    /// - `handler`: address of the handler's first instruction
    /// - `code_selector`: the segment to run it in
    /// - `ist`: 0 to stay on the stack, 1 to 7 for one of the TSS's interrupt stacks
    /// - `dpl`: the outermost ring, 0 to 3, that may come here by `int n`
    pub fn interrupt(handler: u64, code_selector: u16, ist: u8, dpl: u8) -> Self {
        let low = handler & 0xffff
            | u64::from(code_selector) << 16
            | u64::from(ist & 7) << 32
            | INTERRUPT_GATE << 40
            | u64::from(dpl & 3) << 45
            | 1 << 47
            | (handler >> 16 & 0xffff) << 48;
        Self { low, high: handler >> 32 }
    }
}
