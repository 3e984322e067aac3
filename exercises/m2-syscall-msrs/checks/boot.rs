//! The registers in use: a SYSCALL arrives as they say, and SYSRET returns to ring 3.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use harness::{Check, Checked, Trial};
use m0_boot::traps;
use m0_boot::vector::Vector;
use m1_memory::layout::DIRECT_MAP;
use m1_memory::physical::DirectMap;
use m2_syscall_msrs::{IA32_EFER, IA32_FMASK, IA32_LSTAR, IA32_STAR, setup};
use m2_usermode::gdt::{KERNEL_CODE, KERNEL_DATA, USER_CODE, USER_DATA};
use m2_usermode::process::{ExitStatus, Process};
use m2_usermode::user_program;
use x86_64::instructions::interrupts;
use x86_64::registers::control::EferFlags;
use x86_64::registers::model_specific::Msr;
use x86_64::registers::rflags::RFlags;

shared::host_main!("cargo xtask check m2-syscall-msrs");

const CHECKS: &[Check] =
    &[Check { name: "arrives", body: arrives }, Check { name: "returns", body: returns }];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m2(CHECKS)
}

const REGISTERS: [u32; 4] = [IA32_STAR, IA32_LSTAR, IA32_FMASK, IA32_EFER];

fn read(register: u32) -> u64 {
    // SAFETY: every CPU with 64-bit mode has the four registers.
    unsafe { Msr::new(register).read() }
}

/// Writes the learner's values for `entry`, with SCE clear before, runs `body`, and puts
/// the kernel's values back.
fn with_registers(
    trial: &mut Trial,
    entry: u64,
    body: impl FnOnce(&mut Trial) -> Checked,
) -> Checked {
    let old = REGISTERS.map(read);
    let without = old[3] & !EferFlags::SYSTEM_CALL_EXTENSIONS.bits();
    let writes = setup(KERNEL_CODE.0, USER_DATA.0, entry, without);
    for (register, value) in writes {
        trial.holds(
            REGISTERS.contains(&register),
            format_args!("not tried: {register:#x} is none of the four registers"),
        )?;
        trial.holds(
            register != IA32_EFER || value & without == without,
            "not tried: with that IA32_EFER the kernel could not go on",
        )?;
    }
    let write = |register, value| {
        // SAFETY: the kernel stays in 64-bit mode, with NX (above). The other registers
        // matter when somebody uses SYSCALL, which is what is tried.
        unsafe { Msr::new(register).write(value) };
    };
    write(IA32_EFER, without);
    for (register, value) in writes {
        write(register, value);
    }
    let result = body(trial);
    for (register, value) in REGISTERS.into_iter().zip(old) {
        write(register, value);
    }
    result
}

static RFLAGS: AtomicU64 = AtomicU64::new(0);
static CS: AtomicU64 = AtomicU64::new(0);
static SS: AtomicU64 = AtomicU64::new(0);
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Set once SYSCALL has arrived as it must.
static ARRIVED_WELL: AtomicBool = AtomicBool::new(false);

/// Executes SYSCALL in ring 0 with `flags` set. Returns with all as it was.
#[unsafe(naked)]
extern "C" fn call_with(flags: u64) {
    core::arch::naked_asm!("pushfq", "push rdi", "popfq", "syscall", "popfq", "ret",)
}

/// Where SYSCALL shall lead. Notes what it has done to flags and segments, puts the
/// kernel's own segments back, and returns to where RCX says. RSP is the caller's, for
/// SYSCALL leaves it alone, and the caller is in ring 0.
#[unsafe(naked)]
extern "C" fn arrival() {
    core::arch::naked_asm!(
        "pushfq",
        "cli",
        "cld",
        "pop rax",
        "mov [rip + {rflags}], rax",
        "xor eax, eax",
        "mov ax, cs",
        "mov [rip + {cs}], rax",
        "mov ax, ss",
        "mov [rip + {ss}], rax",
        "inc qword ptr [rip + {count}]",
        "push {kernel_code}",
        "lea rax, [rip + 2f]",
        "push rax",
        "retfq",
        "2: mov eax, {kernel_data}",
        "mov ss, eax",
        "jmp rcx",
        rflags = sym RFLAGS,
        cs = sym CS,
        ss = sym SS,
        count = sym COUNT,
        kernel_code = const KERNEL_CODE.0,
        kernel_data = const KERNEL_DATA.0,
    )
}

/// What must be clear at the entry, and its name.
const MUST_CLEAR: [(RFlags, &str); 5] = [
    (RFlags::INTERRUPT_FLAG, "IF"),
    (RFlags::TRAP_FLAG, "TF"),
    (RFlags::DIRECTION_FLAG, "DF"),
    (RFlags::ALIGNMENT_CHECK, "AC"),
    (RFlags::NESTED_TASK, "NT"),
];

/// SYSCALL works in ring 0 too: there it can be tried without trusting it.
fn arrives(trial: &mut Trial) -> Checked {
    let flags = MUST_CLEAR.into_iter().fold(RFlags::empty(), |all, (flag, _)| all | flag);
    let entry = arrival as *const () as u64;
    trial.given("kernel_code", format_args!("{:#x}", KERNEL_CODE.0));
    trial.given("user_data", format_args!("{:#x}", USER_DATA.0));
    trial.given("entry", format_args!("{entry:#x}"));
    let steps = traps::count(Vector::DEBUG);
    with_registers(trial, entry, |_| {
        // Wait for a tick: then none comes in the middle.
        interrupts::enable_and_hlt();
        call_with(flags.bits());
        Ok(())
    })?;
    trial.equal("SYSCALL must arrive once", COUNT.load(SeqCst), 1)?;
    trial.equal_hex("CS at the entry", CS.load(SeqCst), u64::from(KERNEL_CODE.0))?;
    trial.equal_hex("SS at the entry", SS.load(SeqCst), u64::from(KERNEL_DATA.0))?;
    let rest = RFlags::from_bits_truncate(RFLAGS.load(SeqCst));
    trial.given("RFLAGS_at_entry", format_args!("{:#x}", RFLAGS.load(SeqCst)));
    let stepped = traps::count(Vector::DEBUG) != steps;
    for (flag, name) in MUST_CLEAR {
        let kept = rest.contains(flag) || stepped && flag == RFlags::TRAP_FLAG;
        trial.holds(
            !kept,
            format_args!("{name} was set before SYSCALL, and still is at the entry"),
        )?;
    }
    ARRIVED_WELL.store(true, SeqCst);
    Ok(())
}

user_program!(
    /// Yields, and exits with the segments that it returned to: CS × 256 + SS.
    SEGMENTS, "segments", user_segments..user_segments_end,
    "    mov eax, 2",             // yield()
    "    syscall",
    "    mov edi, cs",
    "    mov esi, ss",
    "    shl edi, 8",
    "    or edi, esi",
    "    xor eax, eax",           // exit(edi)
    "    syscall",
    "    ud2",
);

/// A program's SYSCALL comes to the kernel's own entry, and its SYSRET back to ring 3.
fn returns(trial: &mut Trial) -> Checked {
    trial.holds(ARRIVED_WELL.load(SeqCst), "not tried: `arrives` must pass before")?;
    trial.given("kernel_code", format_args!("{:#x}", KERNEL_CODE.0));
    trial.given("user_data", format_args!("{:#x}", USER_DATA.0));
    let memory = DirectMap::new(DIRECT_MAP).unwrap_or_else(|error| panic!("{error}"));
    let entry = read(IA32_LSTAR);
    with_registers(trial, entry, |trial| {
        let process = Process::new(&SEGMENTS, memory).and_then(Process::start);
        let outcome = process.and_then(|running| running.wait());
        let code = match outcome.unwrap_or_else(|error| panic!("{error}")).status {
            ExitStatus::Exited(code) => code as u32,
            other => {
                return trial.fail(format_args!(
                    "the program must come back from its system call and exit, but {other}"
                ));
            }
        };
        let (cs, ss) = (code >> 8, code & 0xff);
        trial.equal_hex("SS in ring 3 behind SYSRET", ss, u32::from(USER_DATA.0))?;
        trial.equal_hex("CS in ring 3 behind SYSRET", cs, u32::from(USER_CODE.0))
    })
}
