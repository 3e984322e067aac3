//! Supersedes [`m1_memory::segments`]: a GDT for two rings, and a TSS.
//!
//! ```text
//!  0x00  null
//!  0x08  kernel code      SYSCALL loads CS from STAR[47:32] = 0x08
//!  0x10  kernel data      … and SS = that + 8
//!  0x18  user data        SYSRET loads SS = STAR[63:48] + 8, STAR[63:48] = 0x10
//!  0x20  user code        … and CS = that + 16
//!  0x28  TSS, 16 bytes
//! ```
//!
//! The order of the user segments is SYSRET's (Intel SDM Vol. 3A, 6.8.8 "Fast
//! System Calls in 64-Bit Mode"). The TSS tells the CPU which stack to use when a
//! trap comes from ring 3 (RSP0), and for traps that must not trust the current
//! stack (IST; Intel SDM Vol. 3A, 9.7 "Task Management in 64-Bit Mode").

use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::offset_of;
use m0_boot::idt::StackIndex;
use m0_boot::vector::Vector;
use x86_64::instructions::segmentation::{CS, DS, ES, FS, GS, SS, Segment};
use x86_64::instructions::tables::{lgdt, load_tss};
use x86_64::structures::DescriptorTablePointer;
use x86_64::structures::gdt::SegmentSelector;
use x86_64::{PrivilegeLevel, VirtAddr};

/// Kernel code.
pub const KERNEL_CODE: SegmentSelector = SegmentSelector::new(1, PrivilegeLevel::Ring0);
/// Kernel data and stack.
pub const KERNEL_DATA: SegmentSelector = SegmentSelector::new(2, PrivilegeLevel::Ring0);
/// User data and stack.
pub const USER_DATA: SegmentSelector = SegmentSelector::new(3, PrivilegeLevel::Ring3);
/// User code, 64-bit.
pub const USER_CODE: SegmentSelector = SegmentSelector::new(4, PrivilegeLevel::Ring3);
/// The task state segment.
pub const TASK_STATE: SegmentSelector = SegmentSelector::new(5, PrivilegeLevel::Ring0);

/// Bits of a code or data descriptor.
const ACCESSED: u64 = 1 << 40;
const WRITABLE_OR_READABLE: u64 = 1 << 41;
const EXECUTABLE: u64 = 1 << 43;
const CODE_OR_DATA: u64 = 1 << 44;
const RING_3: u64 = 3 << 45;
const PRESENT: u64 = 1 << 47;
const LONG_MODE: u64 = 1 << 53;

const DATA_SEGMENT: u64 = ACCESSED | WRITABLE_OR_READABLE | CODE_OR_DATA | PRESENT;
const CODE_SEGMENT: u64 = DATA_SEGMENT | EXECUTABLE | LONG_MODE;
const _: () = assert!(CODE_SEGMENT == 0x0020_9b00_0000_0000);
const _: () = assert!(DATA_SEGMENT | RING_3 == 0x0000_f300_0000_0000);
const _: () = assert!(CODE_SEGMENT | RING_3 == 0x0020_fb00_0000_0000);

/// Stacks for traps that may come when the current stack cannot be trusted.
const DOUBLE_FAULT_IST: u8 = 1;
const NMI_IST: u8 = 2;
const MACHINE_CHECK_IST: u8 = 3;
const DEBUG_IST: u8 = 4;
const IST_STACKS: usize = 4;
const IST_STACK_BYTES: usize = 16 * 1024;

/// The 64-bit task state segment (Intel SDM Vol. 3A, Figure 9-11).
#[repr(C, packed(4))]
struct TaskState {
    reserved_0: u32,
    /// RSP for traps into ring 0, 1, 2.
    rsp: [u64; 3],
    reserved_1: u64,
    /// IST1 to IST7.
    ist: [u64; 7],
    reserved_2: u64,
    reserved_3: u16,
    /// Offset of the I/O permission bitmap; at the limit there is none, so ring
    /// 3 may use no port.
    io_map_base: u16,
}

const _: () = assert!(size_of::<TaskState>() == 104);
const _: () = assert!(offset_of!(TaskState, rsp) == 4 && offset_of!(TaskState, ist) == 36);
const _: () = assert!(offset_of!(TaskState, io_map_base) == 102);

/// Memory that the CPU reads behind the compiler's back.
#[repr(C, align(16))]
struct CpuOwned<T>(UnsafeCell<T>);

// SAFETY: written only by `init` and `set_kernel_stack`, on the only CPU.
unsafe impl<T> Sync for CpuOwned<T> {}

static TSS: CpuOwned<TaskState> = CpuOwned(UnsafeCell::new(TaskState {
    reserved_0: 0,
    rsp: [0; 3],
    reserved_1: 0,
    ist: [0; 7],
    reserved_2: 0,
    reserved_3: 0,
    io_map_base: size_of::<TaskState>() as u16,
}));
static GDT: CpuOwned<[u64; 7]> = CpuOwned(UnsafeCell::new([0; 7]));
static STACKS: CpuOwned<[[u8; IST_STACK_BYTES]; IST_STACKS]> =
    CpuOwned(UnsafeCell::new([[0; IST_STACK_BYTES]; IST_STACKS]));

/// The two words of a TSS descriptor: available 64-bit TSS, ring 0.
fn task_state_descriptor(base: u64) -> [u64; 2] {
    const AVAILABLE_TSS: u64 = 0b1001 << 40;
    const LIMIT: u64 = size_of::<TaskState>() as u64 - 1;
    let low =
        LIMIT | (base & 0x00ff_ffff) << 16 | AVAILABLE_TSS | PRESENT | (base >> 24 & 0xff) << 56;
    [low, base >> 32]
}

/// Loads GDT, segment registers and TSS. Interrupts must be off, and the IDT
/// loaded afterwards with [`stack_for`]. Called once.
pub fn init() {
    let tss = TSS.0.get();
    let [tss_low, tss_high] = task_state_descriptor(tss as u64);
    let gdt = GDT.0.get();
    let pointer = DescriptorTablePointer {
        limit: (size_of::<[u64; 7]>() - 1) as u16,
        base: VirtAddr::from_ptr(gdt),
    };
    // SAFETY: the statics are only written here, before the CPU is told of
    // them; the descriptors are those in the module's picture.
    unsafe {
        for index in 0..IST_STACKS {
            let stack = (&raw mut (*STACKS.0.get())[index]) as u64;
            (*tss).ist[index] = stack + IST_STACK_BYTES as u64;
        }
        *gdt = [
            0,
            CODE_SEGMENT,
            DATA_SEGMENT,
            DATA_SEGMENT | RING_3,
            CODE_SEGMENT | RING_3,
            tss_low,
            tss_high,
        ];
        lgdt(&pointer);
        CS::set_reg(KERNEL_CODE);
        SS::set_reg(KERNEL_DATA);
        DS::set_reg(KERNEL_DATA);
        ES::set_reg(KERNEL_DATA);
        FS::set_reg(SegmentSelector::NULL);
        GS::set_reg(SegmentSelector::NULL);
        load_tss(TASK_STATE);
        // After reset LDTR is present, with its table at address 0.
        asm!("lldt {:x}", in(reg) SegmentSelector::NULL.0, options(nomem, nostack, preserves_flags));
    }
}

/// Which stack a vector's gate switches to: one each for #DF, NMI, #MC and #DB,
/// which can arrive while RSP is not to be trusted. At the first instruction of the
/// SYSCALL entry it still is the program's, and no flag keeps these out: a #DB that
/// was pending at the SYSCALL arrives right there (Intel SDM Vol. 3A, 7.8.3
/// "Masking Exceptions and Interrupts When Switching Stacks").
pub fn stack_for(vector: Vector) -> Option<StackIndex> {
    match vector {
        Vector::DOUBLE_FAULT => StackIndex::new(DOUBLE_FAULT_IST),
        Vector::NMI => StackIndex::new(NMI_IST),
        Vector::MACHINE_CHECK => StackIndex::new(MACHINE_CHECK_IST),
        Vector::DEBUG => StackIndex::new(DEBUG_IST),
        _ => None,
    }
}

/// Sets the stack that traps from ring 3 arrive on.
pub fn set_kernel_stack(top: VirtAddr) {
    // SAFETY: the CPU reads RSP0 only on a trap from ring 3, and this code runs
    // in ring 0 on the only CPU.
    unsafe { (&raw mut (*TSS.0.get()).rsp[0]).write_unaligned(top.as_u64()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_state_descriptor_scatters_the_base() {
        let [low, high] = task_state_descriptor(0xffff_ffff_8123_4560);
        assert_eq!(low, 0x8100_8923_4560_0067);
        assert_eq!(high, 0xffff_ffff);
    }
}
