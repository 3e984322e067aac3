//! Starts itself as often as it is let, and waits for none. Each copy does the
//! same, for as many generations as the argument says.

#![cfg_attr(target_os = "none", no_std, no_main)]

use user::{Error, syscall};

user::entry!(explode);

fn explode(generations: u64) -> i32 {
    let Some(left) = generations.checked_sub(1) else { return 0 };
    loop {
        match syscall::spawn("bomb", left) {
            Ok(_) => {}
            Err(Error::TooManyProcesses | Error::NoMemory) => return 0,
            Err(_) => return 1,
        }
    }
}
