//! Exercise: the task state segment, and the stack that a double fault needs.
//!
//! When a kernel's stack has overflowed, the CPU cannot push an exception's frame there.
//! The TSS holds stacks for such cases. You fill it, describe it to the CPU, and choose
//! which gates use its stacks. README.md beside this folder has the pictures.

#![no_std]

/// The 64-bit TSS (Intel SDM Vol. 3A, Figure 9-11 "64-Bit TSS Format"), 104 bytes.
#[derive(Clone, Copy, Default)]
#[repr(C, packed(4))]
pub struct TaskState {
    /// Stays 0.
    pub reserved_0: u32,
    /// RSP0 to RSP2: the stack pointers for traps that lead into ring 0, 1, 2.
    pub rsp: [u64; 3],
    /// Stays 0.
    pub reserved_1: u64,
    /// IST1 to IST7, the interrupt stack table. There is no IST0.
    pub ist: [u64; 7],
    /// Stays 0.
    pub reserved_2: u64,
    /// Stays 0.
    pub reserved_3: u16,
    /// Where the map of ports that ring 3 may use begins, counted from the TSS's first
    /// byte. At the TSS's end or behind it there is no map, and ring 3 may use none.
    pub io_map_base: u16,
}

/// The bytes of a stack.
#[derive(Clone, Copy, Debug)]
pub struct Stack {
    /// Its lowest address.
    pub bottom: u64,
    /// How long it is.
    pub bytes: u64,
}

/// Vector of the non-maskable interrupt.
pub const NMI: u8 = 2;
/// Vector of #DF: an exception could not be delivered.
pub const DOUBLE_FAULT: u8 = 8;
/// Vector of #MC: the hardware has found an error of its own.
pub const MACHINE_CHECK: u8 = 18;

const AVAILABLE_TSS: u64 = 0b1001 << 40;
const PRESENT: u64 = 1 << 47;

impl Stack {
    fn top(self) -> u64 {
        self.bottom + self.bytes
    }
}

/// A TSS for these stacks. RSP1 and RSP2, IST4 to IST7 are not used: 0. Ring 3 may use no
/// port.
///
/// - `kernel`: for traps from ring 3
/// - `double_fault`, `nmi`, `machine_check`: IST1, IST2, IST3
pub fn task_state(
    kernel: Stack,
    double_fault: Stack,
    nmi: Stack,
    machine_check: Stack,
) -> TaskState {
    TaskState {
        rsp: [kernel.top(), 0, 0],
        ist: [double_fault.top(), nmi.top(), machine_check.top(), 0, 0, 0, 0],
        io_map_base: size_of::<TaskState>() as u16,
        ..TaskState::default()
    }
}

/// The descriptor of the TSS at `base`, as two words of the GDT: present, of ring 0, an
/// *available* 64-bit TSS, its limit the offset of its last byte.
pub fn descriptor(base: u64) -> [u64; 2] {
    let limit = size_of::<TaskState>() as u64 - 1;
    let middle = (base & 0xff_ffff) << 16;
    let top = (base >> 24 & 0xff) << 56;
    [limit | middle | top | AVAILABLE_TSS | PRESENT, base >> 32]
}

/// What stands in the IST field of the gate for `vector`: 1 to 7 for one of the TSS's
/// stacks, or 0 to stay on the stack that was in use.
pub fn ist_of(vector: u8) -> u8 {
    match vector {
        DOUBLE_FAULT => 1,
        NMI => 2,
        MACHINE_CHECK => 3,
        _ => 0,
    }
}
