//! Says hello, who it is, and how late.

#![cfg_attr(target_os = "none", no_std, no_main)]

use user::{println, syscall};

user::entry!(greet);

fn greet(argument: u64) -> i32 {
    let pid = syscall::getpid();
    println!("Hello from Rust in ring 3! I am process {pid}, my argument is {argument}.");
    match syscall::uptime() {
        Ok(uptime) => println!("The machine has been up for {} ms.", uptime.as_millis()),
        Err(error) => println!("The kernel does not tell the time: {error}."),
    }
    0
}
