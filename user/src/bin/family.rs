//! Starts children by name, waits for each, and checks how it ended.

#![cfg_attr(target_os = "none", no_std, no_main)]

use user::{Error, PANIC_CODE, Pid, Status, println, syscall};

user::entry!(raise);

/// #PF, the page fault's vector.
const PAGE_FAULT: u8 = 14;

/// Programs, and how each ends.
const CHILDREN: [(&str, Status); 4] = [
    ("hello", Status::Exited(99)),
    ("greeter", Status::Exited(0)),
    ("panicker", Status::Exited(PANIC_CODE)),
    ("trespasser", Status::Killed { vector: PAGE_FAULT }),
];

fn raise(_argument: u64) -> i32 {
    match in_turn().and_then(|()| all_at_once()).and_then(|()| nobody_left()) {
        Ok(()) => {
            println!("every child ended as expected");
            0
        }
        Err(reason) => {
            println!("the family is not as it should be: {reason:?}");
            1
        }
    }
}

/// What was not as it should be.
#[derive(Debug)]
#[allow(dead_code, reason = "`Debug` shows what is in them")]
enum Reason {
    NotStarted { name: &'static str, error: Error },
    NotEnded { pid: Pid, error: Error },
    Ended { name: &'static str, status: Status, expected: Status },
    Stranger { pid: Pid },
    NotRefused { what: &'static str, answer: Result<u64, Error> },
}

fn start(name: &'static str, argument: u64) -> Result<Pid, Reason> {
    syscall::spawn(name, argument).map_err(|error| Reason::NotStarted { name, error })
}

/// One child after the other, each waited for by its number.
fn in_turn() -> Result<(), Reason> {
    for (name, expected) in CHILDREN {
        let child = start(name, 0)?;
        let ended = syscall::wait(Some(child));
        let (pid, status) = ended.map_err(|error| Reason::NotEnded { pid: child, error })?;
        if pid != child {
            return Err(Reason::Stranger { pid });
        }
        println!("{name} (process {pid}) {status}");
        if status != expected {
            return Err(Reason::Ended { name, status, expected });
        }
    }
    Ok(())
}

/// All children at once, waited for as they come.
fn all_at_once() -> Result<(), Reason> {
    let mut waiting = [None; CHILDREN.len()];
    for (slot, (name, _)) in waiting.iter_mut().zip(CHILDREN) {
        *slot = Some(start(name, 1)?);
    }
    let Some(last) = waiting[CHILDREN.len() - 1] else { return Ok(()) };
    for _ in CHILDREN {
        let ended = syscall::wait(None);
        let (pid, status) = ended.map_err(|error| Reason::NotEnded { pid: last, error })?;
        let found = waiting.iter().position(|&slot| slot == Some(pid));
        let index = found.ok_or(Reason::Stranger { pid })?;
        waiting[index] = None; // it must not come a second time
        let (name, expected) = CHILDREN[index];
        if status != expected {
            return Err(Reason::Ended { name, status, expected });
        }
    }
    Ok(())
}

/// Nobody is left to wait for, and some children cannot be.
fn nobody_left() -> Result<(), Reason> {
    let pid = |answer: Result<(Pid, Status), Error>| answer.map(|(pid, _)| pid.get());
    let own = Pid::new(syscall::getpid());
    let long = "a-name-that-is-longer-than-any-program-s";
    for (what, answer, expected) in [
        ("waiting for any child", pid(syscall::wait(None)), Error::NoSuchChild),
        ("waiting for itself", pid(syscall::wait(own)), Error::NoSuchChild),
        ("starting nobody", syscall::spawn("nobody", 0).map(Pid::get), Error::NoSuchProgram),
        ("starting a long name", syscall::spawn(long, 0).map(Pid::get), Error::NameTooLong),
    ] {
        if answer != Err(expected) {
            return Err(Reason::NotRefused { what, answer });
        }
    }
    Ok(())
}
