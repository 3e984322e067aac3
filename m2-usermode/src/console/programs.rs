//! `threads` and `run`.

use super::{Failed, failed};
use crate::process::{Process, Running};
use crate::{program, thread};
use m0_boot::println;
use m1_memory::frames;
use m1_memory::physical::DirectMap;

/// Prints all threads.
pub fn threads() {
    println!("thread  process  switches   ticks  name             state");
    thread::for_each(|info| {
        let process = info.process.map_or(0, |id| id.get());
        let (id, name, state) = (info.id.number(), info.name, info.state);
        println!("{id:6}  {process:7}  {:8}  {:6}  {name:<16} {state}", info.switches, info.ticks);
    });
    let figures = thread::statistics();
    println!(
        "{} started, {} switches; {} ticks in threads, {} in none",
        figures.started, figures.switches, figures.ticks, figures.idle_ticks
    );
}

/// Runs a program to its end.
///
/// # Errors
/// There is no such program, or no memory for it; or frames were lost.
pub fn run(name: &str, argument: u64, memory: DirectMap) -> Result<(), Failed> {
    let program = program::find(name).map_err(|error| failed(format_args!("{error}")))?;
    let before = frames::statistics().used;
    let process = Process::new(&program, memory).map(|process| process.with_argument(argument));
    let outcome = process.and_then(Process::start).and_then(Running::wait);
    let outcome = outcome.map_err(|error| failed(format_args!("{error}")))?;
    println!("`{name}` {} after {} system calls", outcome.status, outcome.calls);
    // Its thread is gone only when somebody else has run.
    thread::yield_now();
    let after = frames::statistics().used;
    println!("{before} frames were in use, now {after} are");
    Ok(())
}
