//! Traps at the worst instructions: those of the SYSCALL entry and exit at which
//! RSP is the program's, or GS the kernel's.
//!
//! A breakpoint in a debug register stops the CPU before any instruction, in ring
//! 0 too. So four breakpoints at a time wander over all bytes from LSTAR to SYSRET
//! while a program makes system calls; those that hit are the instructions. NMIs
//! come from the handler of such a breakpoint, and from the host, at any time.
//!
//! [`policy`] stands before M2's fault policy and only looks.

use crate::containment::{Expected, code, contain, ended, kernel_is_well, run};
use crate::programs;
use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use m0_boot::fault::Fault;
use m0_boot::irq::{self, Line};
use m0_boot::trap_frame::TrapFrame;
use m0_boot::traps::{self, Resolution};
use m0_boot::vector::Vector;
use m0_boot::{pit, println};
use m1_memory::frames;
use m1_memory::layout::{IMAGE, KERNEL_HALF};
use m2_usermode::address_space::STACK;
use m2_usermode::policy as m2_policy;
use m2_usermode::program::HELLO;
use m2_usermode::watchdog;
use shared::cases::{Case, expect, expect_eq};
use x86_64::PrivilegeLevel;
use x86_64::registers::control::{Cr4, Cr4Flags};
use x86_64::registers::debug::{BreakpointCondition, BreakpointSize, DebugAddressRegister};
use x86_64::registers::debug::{DebugAddressRegisterNumber as Number, Dr7Flags, Dr7Value};
use x86_64::registers::debug::{Dr0, Dr1, Dr2, Dr3, Dr7};
use x86_64::registers::model_specific::LStar;
use x86_64::registers::rflags::{self, RFlags};

programs! {
    exit 0;
    /// A hundred calls, each with its result and all registers checked.
    CALLS =
        "mov ebx, 100", "mov r12, 112", "mov r15, 115",
        "3: mov eax, 3", "mov edi, 106", "mov esi, 105", "mov edx, 104", "mov r8d, 108",
        "syscall", "mov r13, rdi",
        "cmp rax, rbp", "je 4f", "test rbp, rbp", "mov edi, 1", "jne 2f", "mov rbp, rax",
        "4: cmp r13, 106", "mov edi, 2", "jne 2f",
        "cmp esi, 105", "jne 2f", "cmp edx, 104", "jne 2f", "cmp r8d, 108", "jne 2f",
        "mov edi, 3", "cmp r12, 112", "jne 2f", "cmp r15, 115", "jne 2f",
        "cmp rsp, 0x802000", "jne 2f",
        "dec ebx", "jnz 3b";
    /// The same with a stack pointer that nothing must be pushed to.
    CALLS_BAD_STACK =
        "movabs rsp, 0x8000000000000000", "mov ebx, 100",
        "3: mov eax, 4711", "syscall", "mov edi, 1", "cmp rax, -38", "jne 2f",
        "dec ebx", "jnz 3b";
    /// MOV SS holds back the breakpoint that its own read of the stack has hit,
    /// until after SYSCALL: in the kernel, on the program's stack (CVE-2018-8897).
    MOV_SS_CALL =
        "mov ecx, ss", "mov [rsp - 8], rcx", "mov eax, 4711",
        "mov ss, [rsp - 8]", "syscall", "mov edi, 1", "cmp rax, -38", "jne 2f";
    /// A trap keeps the program's AC, which opens its memory to the kernel. From
    /// this address the report copies no instruction bytes, whose STAC and CLAC
    /// would hide it.
    SMAP_OVERRIDE =
        "pushfq", "or dword ptr [rsp], 0x40000", "popfq", "mov rax, 0xffffffff80000000", "jmp rax";
    /// The same while the timer interrupts it, for some 100 ms.
    SMAP_OVERRIDE_BUSY =
        "pushfq", "or dword ptr [rsp], 0x40000", "popfq", "mov ecx, 100000000",
        "3: dec ecx", "jnz 3b";
    MOV_SS_GATE =
        "mov ecx, ss", "mov [rsp - 8], rcx", "mov ss, [rsp - 8]", "int3";
}

/// Every case of this module.
pub const CASES: &[Case] = &[
    ("breakpoints-in-entry", || wander("breakpoints-in-entry", false)),
    ("nmi-in-breakpoints-in-entry", || wander("nmi-in-breakpoints-in-entry", true)),
    ("breakpoint-behind-mov-ss", || {
        const EITHER: Expected = Expected::Either(&KILLED, &Expected::Exit(0));
        watched("breakpoint-behind-mov-ss", &MOV_SS_CALL, EITHER);
    }),
    ("breakpoint-behind-mov-ss-into-gate", || {
        const BREAKPOINT: Expected = Expected::Fault(Vector::BREAKPOINT, 0);
        const EITHER: Expected = Expected::Either(&KILLED, &BREAKPOINT);
        watched("breakpoint-behind-mov-ss-into-gate", &MOV_SS_GATE, EITHER);
    }),
    ("alignment-check-and-fault", || {
        let count = |open: usize| FAULTS[open].load(Relaxed);
        let before = count(0);
        let address = IMAGE.start.as_u64();
        let expected = Expected::PageFault { code: code::DENIED_FETCH, address };
        contain("alignment-check-and-fault", &SMAP_OVERRIDE, expected);
        let smap = Cr4::read().contains(Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION);
        let closed = !smap || (count(0) == before + 1 && count(1) == 0);
        expect("smap-holds", closed, "a handler ran with RFLAGS.AC set");
    }),
];

/// Cases with a timer handler of their own, which stays; so each has a boot.
pub const WATCHING_TIMER: &[Case] = &[("alignment-check-and-timer", smap_in_timer)];

/// Cases that need a host which injects NMIs.
pub const WITH_NMIS: &[Case] = &[("nmi-rain", nmi_rain)];

/// Cases that end the kernel, so they have a boot of their own.
pub const FATAL: &[Case] = &[("machine-check-in-entry", machine_check)];

/// Where the program is still running, its own #DB ends it (QEMU 7.2 knows no
/// delay by MOV SS).
const KILLED: Expected = Expected::Fault(Vector::DEBUG, 0);

/// No entry is longer.
const ENTRY_BYTES: usize = 1024;

/// How often a breakpoint hit at each byte from LSTAR on.
static HITS: [AtomicU64; ENTRY_BYTES] = [const { AtomicU64::new(0) }; ENTRY_BYTES];
/// Hits with a stack pointer that is not the kernel's.
static FOREIGN_RSP: AtomicU64 = AtomicU64::new(0);
/// Where the frames of those hits were: lowest and highest.
static FRAMES: [AtomicU64; 2] = [AtomicU64::new(u64::MAX), AtomicU64::new(0)];
/// Whether each hit shall raise an NMI's vector.
static RAISE_NMI: AtomicBool = AtomicBool::new(false);
/// Whether it shall raise a machine check's.
static RAISE_MACHINE_CHECK: AtomicBool = AtomicBool::new(false);
/// NMIs in ring 0, and those of them with a stack pointer that is not the kernel's.
static NMIS: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Faults of ring 3 that left RFLAGS.AC clear and set: set, it takes SMAP away.
static FAULTS: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// The fault policy of this test kernel: M2's, observed.
pub fn policy(frame: &mut TrapFrame, fault: &Fault) -> Resolution {
    let ring = frame.ring();
    if ring == PrivilegeLevel::Ring0 {
        let foreign = u64::from(frame.rsp < KERNEL_HALF.as_u64());
        match fault.vector() {
            Vector::DEBUG => note_hit(frame, foreign),
            Vector::NMI => {
                NMIS[0].fetch_add(1, Relaxed);
                NMIS[1].fetch_add(foreign, Relaxed);
            }
            _ => {}
        }
    }
    let resolution = m2_policy::contain(frame, fault);
    let open = rflags::read().contains(RFlags::ALIGNMENT_CHECK);
    if ring == PrivilegeLevel::Ring3 {
        FAULTS[usize::from(open)].fetch_add(1, Relaxed);
    }
    resolution
}

fn note_hit(frame: &TrapFrame, foreign: u64) {
    let offset = frame.rip.wrapping_sub(LStar::read().as_u64()) as usize;
    if let Some(hits) = HITS.get(offset) {
        hits.fetch_add(1, Relaxed);
    }
    FOREIGN_RSP.fetch_add(foreign, Relaxed);
    let place = core::ptr::from_ref(frame) as u64;
    FRAMES[0].fetch_min(place, Relaxed);
    FRAMES[1].fetch_max(place, Relaxed);
    if RAISE_NMI.load(Relaxed) {
        // SAFETY: the gate leads to this policy, on a stack of its own.
        unsafe { asm!("int 2") };
    }
    if RAISE_MACHINE_CHECK.load(Relaxed) {
        // SAFETY: as above; the policy ends the kernel.
        unsafe { asm!("int 18") };
    }
}

/// The timer's handler closes the program's memory, too.
fn smap_in_timer() {
    static TICKS: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
    fn on_tick(frame: &mut TrapFrame) {
        let overridden = frame.ring() == PrivilegeLevel::Ring3
            && RFlags::from_bits_retain(frame.rflags).contains(RFlags::ALIGNMENT_CHECK);
        watchdog::on_tick(frame);
        if overridden {
            let open = rflags::read().contains(RFlags::ALIGNMENT_CHECK);
            TICKS[usize::from(open)].fetch_add(1, Relaxed);
        }
    }
    irq::enable(Line::TIMER, on_tick);
    contain("alignment-check-and-timer", &SMAP_OVERRIDE_BUSY, Expected::Exit(0));
    let [closed, open] = [0, 1].map(|index: usize| TICKS[index].load(Relaxed));
    let smap = Cr4::read().contains(Cr4Flags::SUPERVISOR_MODE_ACCESS_PREVENTION);
    expect("interrupted", closed + open > 0, "no tick met the program");
    let told = format_args!("{open} of {} ticks ran with RFLAGS.AC set", closed + open);
    expect("smap-holds", !smap || open == 0, told);
}

/// A machine check at the first instruction of the entry, where the stack is the
/// program's, is reported like any other: it has a stack of its own.
fn machine_check() {
    run(&HELLO, 0);
    RAISE_MACHINE_CHECK.store(true, Relaxed);
    set_breakpoints(LStar::read().as_u64());
    run(&CALLS_BAD_STACK, 0);
}

/// Breakpoints on every byte of entry and exit, four at a time.
fn wander(name: &str, with_nmis: bool) {
    let entry = LStar::read();
    let exit = sysret_offset();
    run(&HELLO, 0);
    run(&CALLS, 0);
    let before = frames::statistics().used;
    let nmis_before = traps::count(Vector::NMI);
    HITS.iter().for_each(|hits| hits.store(0, Relaxed));
    FOREIGN_RSP.store(0, Relaxed);
    RAISE_NMI.store(with_nmis, Relaxed);
    for first in (0..=exit as u64).step_by(4) {
        for program in [&CALLS, &CALLS_BAD_STACK] {
            set_breakpoints(entry.as_u64() + first);
            let outcome = run(program, 0);
            Dr7::write(Dr7Value::from(Dr7Flags::empty()));
            ended(name, outcome.status, Expected::Exit(0));
        }
    }
    let hit = |offset: usize| HITS[offset].load(Relaxed);
    let instructions = (0..=exit).filter(|&offset| hit(offset) > 0).count();
    let total: u64 = (0..=exit).map(hit).sum();
    println!("{total} hits at {instructions} instructions, LSTAR to LSTAR + {exit:#x}");
    expect("first-instruction", hit(0) >= 200, format_args!("{} hits", hit(0)));
    expect("last-instruction", hit(exit) >= 200, format_args!("{} hits", hit(exit)));
    // At least: SWAPGS, saving RSP, loading RSP; SYSRET.
    let foreign = FOREIGN_RSP.load(Relaxed);
    expect("program-s-stack-pointer", foreign >= 4 * 200, format_args!("{foreign} times"));
    let [lowest, highest] = [0, 1].map(|index: usize| FRAMES[index].load(Relaxed));
    expect_eq("on-one-stack-of-its-own", lowest, highest);
    let nmis = traps::count(Vector::NMI) - nmis_before;
    expect_eq("nmis", nmis, if with_nmis { total } else { 0 });
    RAISE_NMI.store(false, Relaxed);
    kernel_is_well(before);
}

/// How far behind LSTAR the first SYSRETQ stands.
fn sysret_offset() -> usize {
    const SYSRETQ: [u8; 3] = [0x48, 0x0f, 0x07];
    // SAFETY: the kernel's text goes on for longer than that, or the entry would
    // be its end.
    let code: &[u8; ENTRY_BYTES] = unsafe { &*LStar::read().as_ptr() };
    let found = code.windows(SYSRETQ.len()).position(|bytes| bytes == SYSRETQ);
    found.unwrap_or_else(|| panic!("no SYSRETQ behind LSTAR"))
}

/// Breakpoints on the execution of four bytes in a row.
fn set_breakpoints(first: u64) {
    Dr0::write(first);
    Dr1::write(first + 1);
    Dr2::write(first + 2);
    Dr3::write(first + 3);
    // All conditions 0: an instruction is executed there.
    let enable = Dr7Flags::GLOBAL_BREAKPOINT_0_ENABLE
        | Dr7Flags::GLOBAL_BREAKPOINT_1_ENABLE
        | Dr7Flags::GLOBAL_BREAKPOINT_2_ENABLE
        | Dr7Flags::GLOBAL_BREAKPOINT_3_ENABLE;
    Dr7::write(Dr7Value::from(enable));
}

/// Runs a program with a breakpoint on reads of the word below its stack's end.
fn watched(name: &str, program: &m2_usermode::program::Program, expected: Expected) {
    Dr0::write(STACK.end.as_u64() - 8);
    let mut control = Dr7Value::from(Dr7Flags::GLOBAL_BREAKPOINT_0_ENABLE);
    control.set_condition(Number::Dr0, BreakpointCondition::DataReadsWrites);
    control.set_size(Number::Dr0, BreakpointSize::Length2B);
    Dr7::write(control);
    contain(name, program, expected);
    Dr7::write(Dr7Value::from(Dr7Flags::empty()));
}

/// Programs make system calls while the host injects NMIs as fast as it can.
fn nmi_rain() {
    const NMIS_WANTED: u64 = 500;
    const TICKS_MOST: u64 = 20 * pit::TICK_HZ;
    run(&HELLO, 0);
    run(&CALLS, 0);
    let before = frames::statistics().used;
    expect("ready-for-nmis", true, "");
    let end = pit::ticks() + TICKS_MOST;
    let mut runs = 0u64;
    while traps::count(Vector::NMI) < NMIS_WANTED && pit::ticks() < end {
        for program in [&CALLS, &CALLS_BAD_STACK] {
            ended("nmi-rain", run(program, 0).status, Expected::Exit(0));
        }
        runs += 1;
    }
    let [in_kernel, foreign] = [0, 1].map(|index: usize| NMIS[index].load(Relaxed));
    let count = traps::count(Vector::NMI);
    println!("{count} NMIs in {runs} runs, {in_kernel} in ring 0, {foreign} on a foreign RSP");
    expect("nmis-arrived", count >= NMIS_WANTED, format_args!("{count} in {TICKS_MOST} ticks"));
    expect("nmis-in-ring-0", in_kernel > 0, "all of them met ring 3");
    kernel_is_well(before);
}
