//! Breaking each permission: the CPU must stop every one of these.

use alloc::boxed::Box;
use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use m1_memory::paging::kernel;
use m1_memory::stack::KernelStack;
use m1_memory::{cpu, layout};
use shared::cases::{expect, expect_eq};
use x86_64::VirtAddr;
use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags, Efer, EferFlags};

/// Machine code of `ret`.
const RET: u8 = 0xc3;

fn write(address: u64) {
    // SAFETY: the page is not writable; the fault ends this kernel.
    unsafe { (address as *mut u8).write_volatile(RET) }
}

fn call(address: u64) {
    // SAFETY: the page is not executable; the fault ends this kernel.
    unsafe { asm!("call {}", in(reg) address, clobber_abi("C")) }
}

fn text() -> VirtAddr {
    VirtAddr::from_ptr(write as *const ())
}

pub fn write_to_text() {
    write(text().as_u64());
}

pub fn write_to_constants() {
    static CONSTANT: [u8; 64] = [RET; 64];
    write((&raw const CONSTANT) as u64);
}

pub fn write_to_text_through_direct_map() {
    let physical = kernel::translate(text()).map(|to| to.physical.as_u64());
    let physical = physical.unwrap_or_else(|| panic!("the kernel's text is not mapped"));
    write(layout::DIRECT_MAP.as_u64() + physical);
}

pub fn execute_heap() {
    let code = Box::new([RET; 16]);
    call(code.as_ptr() as u64);
}

pub fn execute_stack() {
    let code = [RET; 16];
    call(code.as_ptr() as u64);
}

pub fn execute_data() {
    static CODE: AtomicU64 = AtomicU64::new(0);
    CODE.store(u64::from_le_bytes([RET; 8]), Relaxed);
    call((&raw const CODE) as u64);
}

pub fn execute_direct_map() {
    let physical = kernel::translate(text()).map(|to| to.physical.as_u64());
    let physical = physical.unwrap_or_else(|| panic!("the kernel's text is not mapped"));
    call(layout::DIRECT_MAP.as_u64() + physical);
}

/// The last byte below a stack.
pub fn guard_page() {
    let stack = KernelStack::new().unwrap_or_else(|error| panic!("{error}"));
    expect_eq("second-stack", stack.number(), 1);
    write(stack.range().start.as_u64() - 1);
}

/// M1 has no second stack for the fault's own frame, so an overflow is a triple
/// fault; M2's TSS mends that.
pub fn stack_overflow() {
    // SAFETY: pushes until the guard page; the fault ends this kernel.
    unsafe { asm!("2: push rax", "jmp 2b", options(noreturn)) }
}

pub fn null_pointer() {
    let null = core::hint::black_box(core::ptr::null::<u64>());
    // SAFETY: page 0 is never mapped; the fault ends this kernel.
    unsafe { null.wrapping_add(3).read_volatile() };
}

/// Each control bit is on exactly where CPUID offers it.
pub fn protections_on() {
    let features = cpu::Features::detect();
    let cr4 = Cr4::read();
    let on = [
        (Cr4Flags::SUPERVISOR_MODE_EXECUTION_PROTECTION, features.smep),
        (Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION, features.smap),
        (Cr4Flags::USER_MODE_INSTRUCTION_PREVENTION, features.umip),
        (Cr4Flags::PAGE_GLOBAL, true),
    ];
    for (bit, offered) in on {
        expect("cr4", cr4.contains(bit) == offered, format_args!("{bit:?} is not {offered}"));
    }
    expect("cr0-wp", Cr0::read().contains(Cr0Flags::WRITE_PROTECT), "CR0.WP is off");
    expect("efer-nxe", Efer::read().contains(EferFlags::NO_EXECUTE_ENABLE), "EFER.NXE is off");
}
