//! From the loader to M1's memory management, as `m1-memory/src/main.rs` does it,
//! and on to M2's threads, as `m2-usermode/src/main.rs` does.
//!
//! Interrupts stay off for good: a handler would be counted with whatever it
//! interrupts.

use crate::counter::Counter;
use m0_boot::handshake::BootInfo;
use m0_boot::{clock, handshake, idt, logger, println, serial, traps};
use m1_memory::physical::DirectMap;
use m1_memory::{cpu, frames, paging::kernel, policy, segments, stack};
use m2_usermode::{controls, gdt, policy as user_policy, syscall, thread};
use shared::cmdline::Options;
use shared::events::{self, Event};
use shared::exit::{self, Reason};
use spin::Once;

static BOOT: Once<BootInfo> = Once::new();

/// Segments and traps of the milestone that is measured.
pub type Traps = fn();

/// As M1 has them.
pub const MEMORY_TRAPS: Traps = || {
    segments::init();
    traps::init(policy::explain, idt::current_stack);
};
/// As M2 has them.
pub const USER_TRAPS: Traps = || {
    gdt::init();
    traps::init(user_policy::contain, gdt::stack_for);
};

/// Boots and goes on in `next`, on a kernel stack.
pub fn start(kernel: &'static str, init_traps: Traps, next: extern "C" fn() -> !) -> ! {
    serial::init().unwrap_or_else(|error| panic!("serial: {error}"));
    clock::init().unwrap_or_else(|error| panic!("clock: {error}"));
    logger::init();
    println!("\nMyria {kernel}: instructions counted");
    let boot = handshake::accept().unwrap_or_else(|error| panic!("handshake: {error}"));
    Options::parse(&boot.command_line, ["nonce"]).unwrap_or_else(|error| panic!("{error}"));
    events::emit::<&str>(Event::Boot { kernel });
    init_traps();
    let memory = DirectMap::new(boot.hhdm).unwrap_or_else(|error| panic!("{error}"));
    frames::init(&boot.memory_map, memory).unwrap_or_else(|error| panic!("frames: {error}"));
    let features = cpu::Features::detect();
    // SAFETY: the loader's tables map this kernel by its segments' permissions.
    unsafe { cpu::protect(features) }.unwrap_or_else(|error| panic!("cpu: {error}"));
    let tables =
        kernel::build(&boot, memory, features).unwrap_or_else(|error| panic!("paging: {error}"));
    // SAFETY: the tables map the image as linked and all RAM, this stack included.
    unsafe { kernel::load(tables) };
    BOOT.call_once(|| boot);
    let stack = stack::KernelStack::new().unwrap_or_else(|error| panic!("{error}"));
    stack::continue_on(stack, next)
}

/// What M2 has beyond M1, after [`start`] with [`USER_TRAPS`]: threads and SYSCALL.
pub fn start_user() {
    thread::init(kernel::root().unwrap_or_else(|| panic!("no kernel page tables")));
    controls::init();
    syscall::entry::init();
}

/// Checks that the machine counts instructions; ends the kernel as failed if not.
pub fn calibrate() -> Counter {
    let calibrated = Counter::calibrate();
    events::check("calibration", calibrated.map(|_| ()));
    calibrated.unwrap_or_else(|_| exit::leave(Reason::Failed))
}

/// Tells the host that everything was measured, and ends the kernel.
pub fn finish() -> ! {
    let boot = BOOT.get().unwrap_or_else(|| panic!("no boot information"));
    let options = Options::parse(&boot.command_line, ["nonce"]);
    let nonce = options.ok().and_then(|options| options.get("nonce")).unwrap_or("-");
    events::emit::<&str>(Event::Done { nonce });
    exit::leave(Reason::Complete)
}
