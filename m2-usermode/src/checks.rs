//! What M2 shows about itself: each function tries a property on the running
//! kernel and says what it found instead.

use crate::address_space::{AddressSpace, CODE, STACK};
use crate::gdt::{USER_CODE, USER_DATA};
use crate::process::{ExitStatus, Outcome, Process, Running};
use crate::program::{self, Program, TWIN, TWIN_WORD};
use crate::thread;
use alloc::format;
use alloc::string::String;
use core::fmt::Display;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use m0_boot::fault::PageFaultCode;
use m0_boot::milestone::ensure;
use m0_boot::println;
use m0_boot::vector::Vector;
use m1_memory::frames;
use m1_memory::layout::{IMAGE, PAGE_BYTES};
use m1_memory::paging::kernel;
use m1_memory::physical::DirectMap;
use x86_64::PrivilegeLevel;

/// Two threads take turns, and their results reach the one that joins them.
///
/// # Errors
/// What they did instead.
pub fn threads() -> Result<(), String> {
    const TURNS: u64 = 3;
    static ORDER: AtomicU64 = AtomicU64::new(0);
    /// Appends the thread's digit to the order, once a turn.
    fn take_turns(digit: u64) -> u64 {
        for _ in 0..TURNS {
            ORDER.store(ORDER.load(Relaxed) * 10 + digit, Relaxed);
            thread::yield_now();
        }
        digit * 10
    }
    let frames_before = frames::statistics().used;
    let root = kernel::root().ok_or("no kernel page tables")?;
    let spawn = |name, digit| {
        thread::spawn(name, root, take_turns, digit).map_err(|error| format!("{error}"))
    };
    let (first, second) = (spawn("first", 1)?, spawn("second", 2)?);
    let join = |id| thread::join(id).map_err(|error| format!("{error}"));
    let results = (join(first)?, join(second)?);
    let order = ORDER.load(Relaxed);
    log::info!("two threads took turns in the order {order}, results {results:?}");
    ensure(order == 121_212, format!("expected turns 121212, got {order}"))?;
    ensure(results == (10, 20), format!("expected results (10, 20), got {results:?}"))?;
    no_frame_lost(frames_before)
}

/// Two processes are isolated from the kernel and from each other.
///
/// # Errors
/// The first thing found that should not be, or the other way round.
pub fn isolation(one: &Process, other: &Process) -> Result<(), String> {
    for process in [one, other] {
        holds_only_its_own(process.space(), process.program().code().len() as u64)?;
    }
    for address in [CODE, STACK.start] {
        let physical = |process: &Process| process.space().translate(address).map(|to| to.physical);
        let frames = (physical(one), physical(other));
        ensure(frames.0 != frames.1, format!("{address:#x} is shared: {frames:x?}"))?;
    }
    Ok(())
}

/// Two processes of one program run in turns and keep different words at the same
/// address.
///
/// # Errors
/// What they found there instead.
pub fn side_by_side(memory: DirectMap) -> Result<(), String> {
    fn text(error: impl Display) -> String {
        format!("{error}")
    }
    let start = |number: u64| {
        let process = Process::new(&TWIN, memory).map_err(text)?.with_argument(number);
        let word = process.space().translate(TWIN_WORD).ok_or("the stack is not mapped")?;
        Ok::<_, String>((process.start().map_err(text)?, word.physical))
    };
    let (one, other) = (start(1)?, start(2)?);
    ensure(one.1 != other.1, format!("{TWIN_WORD:#x} is the same frame in both"))?;
    for ((twin, physical), number) in [(one, 1), (other, 2)] {
        let id = twin.id();
        let Outcome { status, .. } = twin.wait().map_err(text)?;
        println!(
            "[user] `twin` (process {id}): {TWIN_WORD:#x} is physical {physical:#x}; it {status}"
        );
        ensure(status == ExitStatus::Exited(number), format!("twin {number} {status}"))?;
    }
    Ok(())
}

/// An address space holds `code_bytes` of code, a stack, the kernel's half, and
/// nothing else; nothing of the kernel is open to ring 3.
fn holds_only_its_own(space: &AddressSpace, code_bytes: u64) -> Result<(), String> {
    let code_end = CODE + code_bytes.next_multiple_of(PAGE_BYTES);
    let regions = space.user_regions();
    let [code, stack] = regions.as_slice() else {
        return Err(format!("expected 2 user regions, found {}", regions.len()));
    };
    let found = (code.start, code.last + 1, stack.start, stack.last + 1);
    let expected = (CODE, code_end, STACK.start, STACK.end);
    ensure(found == expected, format!("expected regions {expected:x?}, found {found:x?}"))?;
    let rights = format!("{} {}", code.rights, stack.rights);
    ensure(rights == "r-xu- rw-u-", format!("expected r-xu- rw-u-, found {rights}"))?;
    ensure(space.shares_kernel_half(), "the upper half is not the kernel's")?;
    ensure(!space.exposes_kernel(), "part of the kernel's half is open to ring 3")?;
    Ok(())
}

/// The trespasser was stopped by its page fault, in ring 3, on the segments that
/// IRETQ gave it.
///
/// # Errors
/// How it ended instead.
pub fn separation(outcome: &Outcome) -> Result<(), String> {
    let ExitStatus::Killed(killed) = outcome.status else {
        return Err(format!("the trespasser {}", outcome.status));
    };
    let denied = PageFaultCode::PRESENT | PageFaultCode::USER;
    let by_permission = killed.vector == Vector::PAGE_FAULT && killed.error_code == denied.bits();
    ensure(by_permission, format!("{}, error code {:#x}", killed.vector, killed.error_code))?;
    let address = killed.address;
    ensure(address == IMAGE.start.as_u64(), format!("it faulted at {address:#x}"))?;
    ensure(killed.cs.rpl() == PrivilegeLevel::Ring3, format!("it ran with CS {:?}", killed.cs))
}

/// Before its first system call the trespasser ran on the selectors that only
/// IRETQ can have loaded.
///
/// # Errors
/// The selectors found.
pub fn entered_by_iretq(outcome: &Outcome) -> Result<(), String> {
    let ExitStatus::Killed(killed) = outcome.status else {
        return Err(format!("the trespasser {}", outcome.status));
    };
    let selectors = (killed.cs, killed.ss);
    ensure(outcome.calls == 0, format!("{} system calls came before", outcome.calls))?;
    ensure(selectors == (USER_CODE, USER_DATA), format!("it ran with CS, SS {selectors:?}"))
}

/// The reference program's first call returned to it, with the right result:
/// only then does it exit with its own code, by a second call.
///
/// # Errors
/// How it ended instead.
pub fn round_trip(outcome: &Outcome) -> Result<(), String> {
    let expected = Outcome { status: ExitStatus::Exited(program::HELLO_EXIT_CODE), calls: 2 };
    let Outcome { status, calls } = outcome;
    ensure(*outcome == expected, format!("it {status} after {calls} system calls"))
}

/// As many frames are in use as there were `before`.
///
/// # Errors
/// How many more.
pub fn no_frame_lost(before: u64) -> Result<(), String> {
    let now = frames::statistics().used;
    ensure(now == before, format!("{before} frames were in use, now {now} are"))
}

/// Creates a process and tells about it.
///
/// # Panics
/// If there is no memory for it: a boot cannot show anything then.
pub fn create(program: &Program, memory: DirectMap) -> Process {
    let process = Process::new(program, memory).unwrap_or_else(|error| panic!("{error}"));
    let name = program.name();
    println!("[user] process created with isolated address space (program `{name}`)");
    for region in process.space().user_regions() {
        let (start, last) = (region.start.as_u64(), region.last.as_u64());
        let place = process.space().describe(start);
        println!("    {start:#010x}-{last:#010x} {} {place:#}", region.rights);
    }
    process
}

/// Starts a process, waits for its end and tells about it.
///
/// # Panics
/// If there is no memory for its thread.
pub fn run(process: Process) -> Outcome {
    let name = process.program().name();
    let outcome = process.start().and_then(Running::wait);
    let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
    println!("[user] `{name}` {}", outcome.status);
    outcome
}
