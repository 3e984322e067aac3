//! Panics: a message, where it was raised, and how the kernel got there.

use core::panic::PanicInfo;

/// Reports the panic on serial and as an event, then ends the kernel.
///
/// Called by the panic handler; separate from it because the host's tests bring
/// a handler of their own.
#[cfg_attr(not(target_os = "none"), allow(dead_code))]
fn end_kernel(info: &PanicInfo) -> ! {
    use crate::backtrace::{self, Backtrace};
    use crate::{println, serial};
    use arrayvec::ArrayString;
    use core::fmt::Write;
    use shared::events::{self, Event};
    use shared::exit::{self, Reason};

    // SAFETY: this function never returns to whoever held the port, and there
    // is one CPU; interrupts are turned off for good.
    unsafe {
        x86_64::instructions::interrupts::disable();
        serial::seize();
    }
    let mut place = ArrayString::<160>::new();
    if let Some(location) = info.location() {
        // A path longer than the line is cut; it is still recognisable.
        let _ = write!(place, "{location}");
    }
    println!("\n*** kernel panic at {place} ***");
    println!("    {}", info.message());
    println!("    backtrace:");
    events::emit(Event::Panic { location: &place, message: info.message() });
    backtrace::print(Backtrace::here());
    exit::leave(Reason::Failed)
}

#[cfg(target_os = "none")]
#[panic_handler]
fn handle(info: &PanicInfo) -> ! {
    end_kernel(info)
}
