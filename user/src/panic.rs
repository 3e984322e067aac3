//! A panic: message and place on the console, then the end.

use crate::PANIC_CODE;
use crate::console::try_print;
use crate::syscall::{self, exit};
use core::panic::PanicInfo;

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    let pid = syscall::getpid();
    match info.location() {
        // If the console refuses, the exit code has to do.
        Some(at) => drop(try_print(format_args!(
            "process {pid} panicked at {}:{}:{}: {}\n",
            at.file(),
            at.line(),
            at.column(),
            info.message()
        ))),
        None => drop(try_print(format_args!("process {pid} panicked: {}\n", info.message()))),
    }
    exit(PANIC_CODE)
}
