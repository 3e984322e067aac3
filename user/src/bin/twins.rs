//! Shows that one virtual address holds different bytes in different processes.
//!
//! Without an argument it is the parent: it starts itself twice, as twin 1 and
//! twin 2, and waits for both. A twin writes its number into one of its own
//! variables and on its stack, gives way to the other several times, and checks
//! that both are still what it wrote. The variable has the same address in both.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use user::{Status, println, syscall};

user::entry!(start);

/// The variable that both twins have, each its own.
static NUMBER: AtomicU64 = AtomicU64::new(ORIGINAL);

/// What the file says that it is at first; in every process anew.
const ORIGINAL: u64 = 0x7717;

const TURNS: usize = 8;

fn start(argument: u64) -> i32 {
    if argument == 0 { parent() } else { twin(argument) }
}

fn parent() -> i32 {
    // Both exist before either runs.
    let twins = [1, 2].map(|number| (number, syscall::spawn("twins", number)));
    for (number, twin) in twins {
        let ended = twin.and_then(|pid| syscall::wait(Some(pid)));
        match ended {
            Ok((_, Status::Exited(code))) if code as u64 == number => {}
            other => {
                println!("twin {number}: {other:?}");
                return 1;
            }
        }
    }
    println!("both twins kept their own number at {:p}", &NUMBER);
    0
}

/// Exits with its own number, or with 99 if something changed it.
fn twin(number: u64) -> i32 {
    let found = NUMBER.swap(number, Relaxed);
    let on_stack = black_box(number);
    for turn in 0..TURNS {
        if turn == TURNS / 2 {
            println!("twin {number}: {:p} holds {}", &NUMBER, NUMBER.load(Relaxed));
        }
        let kept = NUMBER.load(Relaxed) == number && black_box(on_stack) == number;
        if found != ORIGINAL || !kept || syscall::yield_now().is_err() {
            return 99;
        }
    }
    number as i32
}
