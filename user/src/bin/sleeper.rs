//! Sleeps for as many milliseconds as its argument says (0 is 20), and checks that
//! it was no less.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::time::Duration;
use user::{Error, println, syscall};

user::entry!(sleep);

fn sleep(argument: u64) -> i32 {
    let wanted = Duration::from_millis(if argument == 0 { 20 } else { argument });
    match measured(wanted) {
        Ok(slept) if slept >= wanted => {
            println!("slept {} ms of {} ms asked for", slept.as_millis(), wanted.as_millis());
            0
        }
        Ok(slept) => {
            println!("woke after {} us of {} us", slept.as_micros(), wanted.as_micros());
            1
        }
        Err(error) => {
            println!("cannot sleep: {error}");
            2
        }
    }
}

fn measured(wanted: Duration) -> Result<Duration, Error> {
    let before = syscall::uptime()?;
    syscall::sleep(wanted)?;
    Ok(syscall::uptime()?.saturating_sub(before))
}
