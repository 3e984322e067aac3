//! The policy, asked about exceptions of every kind.

use harness::{Check, Checked, Trial};
use m2_kill_not_panic::{
    CopyRoutine, DOUBLE_FAULT, MACHINE_CHECK, NMI, PAGE_FAULT, Trap, USER_END, Verdict, decide,
};
use std::process::ExitCode;

const CHECKS: &[Check] = &[
    Check { name: "programs", body: programs },
    Check { name: "machine", body: machine },
    Check { name: "kernel", body: kernel },
];

fn main() -> ExitCode {
    harness::host::run(CHECKS)
}

/// The kernel's image begins here (`m1-memory`, `layout`).
const IMAGE: u64 = 0xffff_ffff_8000_0000;

/// Exceptions that a program, or a kernel, can raise by what it does (Intel SDM Vol. 3A,
/// Table 7-1).
const RAISED: [u8; 12] = [0, 1, 3, 4, 5, 6, 10, 11, 12, 13, PAGE_FAULT, 16];

/// Those of the machine.
const MACHINE: [u8; 3] = [NMI, DOUBLE_FAULT, MACHINE_CHECK];

/// Selectors of ring 3 and of ring 0, in this GDT and in others.
const USER_SELECTORS: [u64; 3] = [0x23, 0x2b, 0x33];
const KERNEL_SELECTORS: [u64; 3] = [0x08, 0x10, 0x28];

/// The error code's bit 2: the access was made in ring 3.
const USER_ACCESS: u64 = 1 << 2;

fn copy_routine(trial: &mut Trial) -> CopyRoutine {
    let access = IMAGE + trial.random.below(1 << 20);
    CopyRoutine { access, landing: access + trial.random.within(2..=64) }
}

fn ask(trial: &mut Trial, trap: &Trap, copy: &CopyRoutine) -> Verdict {
    trial.given("vector", trap.vector);
    trial.given("error_code", format_args!("{:#x}", trap.error_code));
    trial.given("cs", format_args!("{:#x}", trap.cs));
    trial.given("rip", format_args!("{:#x}", trap.rip));
    trial.given("address", format_args!("{:#x}", trap.address));
    trial.given("copy.access", format_args!("{:#x}", copy.access));
    trial.given("copy.landing", format_args!("{:#x}", copy.landing));
    decide(trap, copy)
}

/// An exception of a program.
fn of_program(trial: &mut Trial, vector: u8) -> Trap {
    let page = vector == PAGE_FAULT;
    let error_code = if page { USER_ACCESS | trial.random.below(4) } else { 0 };
    let address = match (page, trial.random.flip()) {
        (true, true) => IMAGE + trial.random.below(1 << 20),
        (true, false) => trial.random.below(USER_END),
        (false, _) => 0,
    };
    let cs = trial.random.pick(&USER_SELECTORS);
    // A program may jump anywhere; then RIP is in the kernel's half.
    let rip = if trial.random.flip() { trial.random.below(USER_END) } else { IMAGE };
    Trap { vector, error_code, cs, rip, address }
}

fn programs(trial: &mut Trial) -> Checked {
    for round in 0..120 {
        trial.round();
        let copy = copy_routine(trial);
        let trap = of_program(trial, RAISED[round % RAISED.len()]);
        let verdict = ask(trial, &trap, &copy);
        let message = "the exception came from ring 3 (bits 1 and 0 of CS): the program is \
                       killed, and the kernel goes on";
        trial.equal(message, verdict, Verdict::KillProcess)?;
    }
    Ok(())
}

fn machine(trial: &mut Trial) -> Checked {
    for round in 0..30 {
        trial.round();
        let copy = copy_routine(trial);
        let vector = MACHINE[round % MACHINE.len()];
        let mut trap = of_program(trial, vector);
        if trial.random.flip() {
            trap.cs = trial.random.pick(&KERNEL_SELECTORS);
        }
        let verdict = ask(trial, &trap, &copy);
        let message = "NMI, #DF and #MC are the machine's affair, whoever was running";
        trial.equal(message, verdict, Verdict::HaltKernel)?;
    }
    Ok(())
}

fn kernel(trial: &mut Trial) -> Checked {
    for round in 0..120 {
        trial.round();
        let copy = copy_routine(trial);
        let cs = trial.random.pick(&KERNEL_SELECTORS);
        let elsewhere = copy.landing + trial.random.within(1..=0x1000);
        let user_address = trial.random.below(USER_END);
        let kernel_address = USER_END + trial.random.below(u64::MAX - USER_END);
        let other_vector = trial.random.pick(&[0, 6, 11, 12, 13]);
        let page =
            Trap { vector: PAGE_FAULT, error_code: 0, cs, rip: copy.access, address: user_address };
        let expected = Verdict::ResumeAt { rip: copy.landing };
        match round % 4 {
            0 => {
                let verdict = ask(trial, &page, &copy);
                let message = match verdict {
                    Verdict::ResumeAt { rip } if rip == copy.access => {
                        "resumed at the access itself, the copy would fault again, for ever"
                    }
                    Verdict::ResumeAt { .. } => "the copy goes on at its landing",
                    Verdict::KillProcess => "the kernel was running: the copy fails, with an error",
                    Verdict::HaltKernel => "this page fault is expected: the copy lands",
                };
                trial.equal(message, verdict, expected)?;
            }
            1 => {
                let trap = Trap { rip: elsewhere, ..page };
                let verdict = ask(trial, &trap, &copy);
                let message = match verdict {
                    Verdict::KillProcess => {
                        "the kernel itself followed a bad pointer: an address in the user half \
                         does not make it a program's fault"
                    }
                    _ => "this page fault is not at the copying routine's access: it is a bug",
                };
                trial.equal(message, verdict, Verdict::HaltKernel)?;
            }
            2 => {
                let trap = Trap { address: kernel_address, ..page };
                let verdict = ask(trial, &trap, &copy);
                let message = "the address is not below USER_END: it is the kernel's buffer that \
                               is missing, which is a bug";
                trial.equal(message, verdict, Verdict::HaltKernel)?;
            }
            _ => {
                let trap = Trap { vector: other_vector, address: 0, ..page };
                let verdict = ask(trial, &trap, &copy);
                let message = "only a page fault is expected in the copying routine";
                trial.equal(message, verdict, Verdict::HaltKernel)?;
            }
        }
    }
    Ok(())
}
