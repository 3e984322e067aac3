//! Workers that share a list of tasks, each with a stage of its own.

use crate::{exercises::stage::Stage, process};
use anyhow::{Result, bail};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// Does `work` for every task, in the order of the list as far as workers are free;
/// `ended` is told of each as it ends, with how many have. Returns what came of them in
/// the order of the list.
///
/// # Errors
/// The first of `work`; no further task is begun then.
pub fn run<T: Sync, R: Send>(
    stages: Vec<Stage>,
    tasks: &[T],
    work: impl Fn(&Stage, &T) -> Result<R> + Sync,
    ended: impl Fn(&R, usize) + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let outcomes: Mutex<Vec<(usize, Result<R>)>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for stage in stages {
            let (next, failed, outcomes, work, ended) = (&next, &failed, &outcomes, &work, &ended);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(task) = tasks.get(index) else { return };
                    if process::interrupted() || failed.load(Ordering::Relaxed) {
                        return;
                    }
                    let outcome = work(&stage, task);
                    let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
                    match &outcome {
                        Ok(result) => ended(result, outcomes.len() + 1),
                        Err(_) => failed.store(true, Ordering::Relaxed),
                    }
                    outcomes.push((index, outcome));
                }
            });
        }
    });
    if process::interrupted() {
        bail!("interrupted");
    }
    let mut outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcomes.sort_by_key(|(index, _)| *index);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}
