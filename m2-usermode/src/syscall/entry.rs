//! SYSCALL in, SYSRET out.
//!
//! SYSCALL saves RIP in RCX and RFLAGS in R11, loads CS and SS from STAR, RIP
//! from LSTAR, and clears the flags in SFMASK. It does not touch RSP: the
//! program's stack pointer is still in it, and must not be trusted (Intel SDM
//! Vol. 3A, 6.8.8 "Fast System Calls in 64-Bit Mode"; AMD APM Vol. 2, 6.1 "Fast
//! System Call and Return").
//!
//! ```text
//!   kernel stack of the thread, at the call into Rust
//!   +-------------+ <- top, 16-byte aligned
//!   | user RSP    |
//!   | user RFLAGS |  from R11
//!   | user RIP    |  from RCX
//!   | RAX         |  number, later the result
//!   | RDI RSI RDX |
//!   | R10 R8 R9   |
//!   +-------------+ <- RSP = &SyscallFrame, 10 words: aligned
//! ```
//!
//! The kernel's GS base is only in use between the two `swapgs` of the entry,
//! with interrupts off, so traps never have to ask which of the two bases is
//! loaded. What no flag keeps out (NMI, #MC, and a #DB that was pending at the
//! SYSCALL) has a stack of its own (`gdt`), because until the third instruction RSP
//! is the program's, and does not touch GS (`policy`).

use super::table::CALLS;
use crate::address_space::USER_END;
use crate::gdt;
use crate::process::{self, ExitStatus};
use crate::user_memory;
use core::arch::naked_asm;
use core::cell::UnsafeCell;
use core::mem::offset_of;
use x86_64::VirtAddr;
use x86_64::registers::control::{Efer, EferFlags};
use x86_64::registers::model_specific::{KernelGsBase, LStar, Msr, SFMask};
use x86_64::registers::rflags::RFlags;

/// IA32_STAR: selector bases for SYSCALL and SYSRET.
const IA32_STAR: u32 = 0xc000_0081;

/// What goes into it: SYSCALL loads CS from bits 47:32 and SS 8 above that; SYSRET
/// SS 8 above bits 63:48 and CS 16 above them, both with ring 3.
const STAR: u64 = (gdt::KERNEL_DATA.0 as u64) << 48 | (gdt::KERNEL_CODE.0 as u64) << 32;
const _: () = assert!(STAR == 0x0010_0008_0000_0000);
const _: () = assert!(gdt::KERNEL_DATA.0 == gdt::KERNEL_CODE.0 + 8);
const _: () = assert!(gdt::USER_DATA.0 == (gdt::KERNEL_DATA.0 + 8) | 3);
const _: () = assert!(gdt::USER_CODE.0 == (gdt::KERNEL_DATA.0 + 16) | 3);

/// The flags that SYSCALL clears: no interrupt while the stack is the program's, no
/// single step into the kernel, the direction that the ABI asks for, no open user
/// half (AC, with SMAP), no IRETQ that would be a task switch (NT).
const FLAG_MASK: RFlags = RFlags::INTERRUPT_FLAG
    .union(RFlags::TRAP_FLAG)
    .union(RFlags::DIRECTION_FLAG)
    .union(RFlags::ALIGNMENT_CHECK)
    .union(RFlags::NESTED_TASK);
const _: () = assert!(FLAG_MASK.bits() == 1 << 9 | 1 << 8 | 1 << 10 | 1 << 18 | 1 << 14);

/// The caller's registers; see the module's picture.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(missing_docs)]
pub struct SyscallFrame {
    pub r9: u64,
    pub r8: u64,
    pub r10: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub rax: u64,
    pub rip: u64,
    pub rflags: u64,
    pub rsp: u64,
}

const _: () = assert!(size_of::<SyscallFrame>() == 80);

/// What the entry needs before it has a stack; found through GS.
#[repr(C)]
struct PerCpu {
    kernel_rsp: u64,
    user_rsp: u64,
}

struct PerCpuCell(UnsafeCell<PerCpu>);

// SAFETY: one CPU; written by `set_kernel_stack` in ring 0 and by the entry with
// interrupts off.
unsafe impl Sync for PerCpuCell {}

static PER_CPU: PerCpuCell = PerCpuCell(UnsafeCell::new(PerCpu { kernel_rsp: 0, user_rsp: 0 }));

/// Makes SYSCALL arrive here. GDT and IDT are the kernel's own already.
pub fn init() {
    KernelGsBase::write(VirtAddr::from_ptr(PER_CPU.0.get()));
    LStar::write(VirtAddr::from_ptr(syscall_entry as *const ()));
    SFMask::write(FLAG_MASK);
    // SAFETY: the selectors are in the order that STAR implies (`gdt`), and the
    // entry point is in place before SCE makes the instruction valid.
    unsafe {
        Msr::new(IA32_STAR).write(STAR);
        Efer::update(|efer| efer.insert(EferFlags::SYSTEM_CALL_EXTENSIONS));
    }
    user_memory::init();
    log::info!("SYSCALL serves {} calls", CALLS.len());
}

/// Sets the stack that system calls of the running thread arrive on.
pub fn set_kernel_stack(top: VirtAddr) {
    // SAFETY: only the entry reads it, on a SYSCALL from ring 3; this is ring 0
    // on the only CPU.
    unsafe { (&raw mut (*PER_CPU.0.get()).kernel_rsp).write(top.as_u64()) };
}

/// The address in LSTAR.
///
/// # Safety
/// Not to be called: only SYSCALL sets the registers up for it.
#[unsafe(naked)]
unsafe extern "C" fn syscall_entry() {
    naked_asm!(
        "swapgs",
        "mov gs:[{user_rsp}], rsp",
        "mov rsp, gs:[{kernel_rsp}]",
        "push qword ptr gs:[{user_rsp}]",
        "swapgs",
        "push r11",
        "push rcx",
        "push rax",
        "push rdi",
        "push rsi",
        "push rdx",
        "push r10",
        "push r8",
        "push r9",
        "sti",
        "mov rdi, rsp",
        "call {serve}", // keeps RBX, RBP, R12 to R15
        "cli",          // from here RSP becomes the program's
        "pop r9",
        "pop r8",
        "pop r10",
        "pop rdx",
        "pop rsi",
        "pop rdi",
        "pop rax",
        "pop rcx",
        "pop r11",
        "pop rsp",
        "sysretq",
        user_rsp = const offset_of!(PerCpu, user_rsp),
        kernel_rsp = const offset_of!(PerCpu, kernel_rsp),
        serve = sym serve,
    )
}

/// Serves the call, and makes sure that SYSRET is safe afterwards.
///
/// With a non-canonical RCX, Intel CPUs raise #GP in SYSRET itself, in ring 0
/// but on the program's stack (Intel SDM Vol. 2B, "SYSRET"). A SYSCALL at the
/// very end of the user half would cause it.
extern "C" fn serve(frame: &mut SyscallFrame) {
    super::dispatch(frame);
    if frame.rip >= USER_END.as_u64() {
        process::end_current(ExitStatus::ReturnOutside { rip: frame.rip });
    }
}
