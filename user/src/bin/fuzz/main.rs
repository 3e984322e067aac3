//! Makes random system calls and checks that every answer is plausible.
//!
//! The argument's low half is the seed, its high half the number of calls:
//! `run=fuzz:0x3e800000001` makes 1000 with seed 1. The same argument makes the
//! same calls. Without calls it ends at once, which is what its children do.
//!
//! - [`pool`]: the numbers that are interesting as arguments
//! - [`model`]: what the kernel may answer
//! - [`registers`]: a call, and whether it kept all registers
//!
//! It never calls `exit`, sleeps for a millisecond at most, and writes little to
//! the console. Exit codes: 0, all was plausible; 1, an answer was not; 2, a
//! register was not kept; 3, it could not begin; 101, it panicked.

#![cfg_attr(target_os = "none", no_std, no_main)]

mod model;
mod pool;
mod registers;

use model::Model;
use pool::{Pool, Random};
use user::{Error, println, syscall};

user::entry!(fuzz);

/// Heap to begin with, so that there is memory that ends.
const HEAP_BYTES: usize = 8192;

fn fuzz(argument: u64) -> i32 {
    let (calls, seed) = (argument >> 32, argument as u32);
    if calls == 0 {
        return 0;
    }
    let heap = match syscall::grow(HEAP_BYTES) {
        Ok(start) => start.as_ptr() as u64,
        Err(error) => {
            println!("fuzz: no heap to begin with: {error}");
            return 3;
        }
    };
    let mut model = Model::new(heap, heap + HEAP_BYTES as u64);
    let mut random = Random::new(seed);
    let (mut answered, mut refused) = (0, 0);
    for index in 0..calls {
        let call = Pool { random: &mut random, model: &model }.call();
        model.prepare(&call);
        // SAFETY: `Pool` lets `wait` write to the scratch buffer and to the heap
        // alone, of which nothing else is used.
        let (result, kept) = unsafe { registers::call(call.number, call.arguments) };
        if !kept {
            println!("fuzz: seed {seed}, call {index}: {call:x?} did not keep all registers");
            return 2;
        }
        if let Err(expected) = model.judge(&call, result) {
            println!("fuzz: seed {seed}, call {index}: {call:x?} = {result:#x}, not {expected}");
            return 1;
        }
        match Error::check(result) {
            Ok(_) => answered += 1,
            Err(_) => refused += 1,
        }
    }
    if let Err(expected) = model.reap() {
        println!("fuzz: seed {seed}, at the end: not {expected}");
        return 1;
    }
    println!("fuzz: seed {seed}: {answered} calls answered, {refused} refused, all plausible");
    0
}
