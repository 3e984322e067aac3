//! The way back into ring 3: where it leads, and what the CPU's registers for it
//! hold.
//!
//! SYSCALL as the very last instruction of the user half leaves in RCX an address
//! that is not canonical, and SYSRET to it is a #GP that Intel's CPUs raise in
//! ring 0 with the program's stack pointer (Intel SDM Vol. 2B, "SYSRET"; AMD's
//! raise it in ring 3). No program can have that page by the kernel's calls; here
//! it is mapped for one all the same.

use crate::containment::{Expected, contain_in};
use crate::memory;
use crate::programs;
use m1_memory::layout::{KERNEL_HALF, PAGE_BYTES};
use m1_memory::paging::access::Use;
use m2_usermode::address_space::{AddressSpace, SpaceError, USER_END};
use m2_usermode::program::{HELLO, Program};
use shared::cases::{Case, expect, expect_eq};
use x86_64::VirtAddr;
use x86_64::registers::control::{Efer, EferFlags};
use x86_64::registers::model_specific::{LStar, Msr, SFMask};
use x86_64::registers::rflags::RFlags;

/// One past the user half.
const END: u64 = USER_END.as_u64() + PAGE_BYTES;
/// The two bytes of SYSCALL.
const SYSCALL: [u8; 2] = [0x0f, 0x05];

programs! {
    exit 1;
    /// Jumps to the argument with the number of no call in RAX, and a stack pointer
    /// that a #GP in ring 0 would write to.
    CALL_FROM = "mov eax, 4711", "mov rsp, 0xffffffff80001000", "jmp rdi";
    /// Comes back from a call in the page before the last, as it may.
    CALL_BEFORE_LAST_PAGE =
        "mov eax, 4711", "lea rbx, [rip + 3f]", "jmp rdi",
        "3: mov edi, 7", "cmp rax, -38", "je 2f";
}

/// Every case of this module.
pub const CASES: &[Case] = &[
    ("syscall-at-end-of-half", || {
        let rip = END;
        from(
            "syscall-at-end-of-half",
            END - 2,
            &CALL_FROM,
            &SYSCALL,
            Expected::ReturnOutside { rip },
        );
    }),
    ("syscall-in-last-page", || {
        let rip = USER_END.as_u64() + 2;
        from(
            "syscall-in-last-page",
            USER_END.as_u64(),
            &CALL_FROM,
            &SYSCALL,
            Expected::ReturnOutside { rip },
        );
    }),
    ("syscall-before-last-page", || {
        // SYSCALL; JMP RBX
        let code = [SYSCALL[0], SYSCALL[1], 0xff, 0xe3];
        from(
            "syscall-before-last-page",
            USER_END.as_u64() - 8,
            &CALL_BEFORE_LAST_PAGE,
            &code,
            Expected::Exit(7),
        );
    }),
    ("exit-at-end-of-half", || {
        // XOR EAX, EAX; SYSCALL: a call that does not return.
        let code = [0x31, 0xc0, SYSCALL[0], SYSCALL[1]];
        from(
            "exit-at-end-of-half",
            END - 4,
            &CALL_FROM,
            &code,
            Expected::Exit((END - 4) as u32 as i32),
        );
    }),
    ("entry-registers", entry_registers),
    ("map-in-kernel-half", map_in_kernel_half),
];

/// Runs `program` with `code` at `address`, which is its argument.
fn from(name: &str, address: u64, program: &Program, code: &[u8], expected: Expected) {
    contain_in(name, program, |process| {
        let page = VirtAddr::new_truncate(address).align_down(PAGE_BYTES);
        let offset = (address % PAGE_BYTES) as usize;
        let fill = |bytes: &mut [u8]| bytes[offset..offset + code.len()].copy_from_slice(code);
        let mapped = process.space_mut().map_user_page(page, Use::ReadExecute, fill);
        mapped.unwrap_or_else(|error| panic!("{error}"));
        (address, expected)
    });
}

/// A page of the kernel's half is refused, and nothing is taken for it.
fn map_in_kernel_half() {
    let mut space = AddressSpace::new(&HELLO, memory()).unwrap_or_else(|error| panic!("{error}"));
    let refused = space.map_user_page(KERNEL_HALF, Use::ReadWrite, |_| {});
    expect_eq("refused", refused, Err(SpaceError::NotUserHalf { page: KERNEL_HALF }));
    let mapped = space.map_user_page(USER_END, Use::ReadWrite, |_| {});
    expect_eq("last-user-page", mapped, Ok(()));
    expect("not-exposed", !space.exposes_kernel(), "the kernel is open to ring 3");
}

/// What SYSCALL and SYSRET go by (Intel SDM Vol. 3A, 6.8.8 "Fast System Calls in
/// 64-Bit Mode"; AMD APM Vol. 2, 6.1 "Fast System Call and Return").
fn entry_registers() {
    /// Selector bases: SYSCALL's CS, and SYSRET's CS - 16.
    const IA32_STAR: u32 = 0xc000_0081;
    // SAFETY: the register exists on every x86-64 CPU.
    let star = unsafe { Msr::new(IA32_STAR).read() };
    expect_eq("star", star, 0x0010_0008 << 32);
    expect_eq("lstar-in-kernel", LStar::read() >= KERNEL_HALF, true);
    // An entry with any of these set would trap on the program's stack, copy
    // backwards, reach user memory or fail its IRETQ.
    let needed = RFlags::INTERRUPT_FLAG
        | RFlags::TRAP_FLAG
        | RFlags::DIRECTION_FLAG
        | RFlags::ALIGNMENT_CHECK
        | RFlags::NESTED_TASK;
    expect("sfmask", SFMask::read().contains(needed), format_args!("{:?}", SFMask::read()));
    let efer = Efer::read();
    let flags = EferFlags::SYSTEM_CALL_EXTENSIONS | EferFlags::NO_EXECUTE_ENABLE;
    expect("efer", efer.contains(flags), format_args!("{efer:?}"));
}
