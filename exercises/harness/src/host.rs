//! Checks on the host.

use crate::{Check, Trial};
use shared::grading::{self, Line};
use std::{
    fmt,
    io::{self, BufRead, Write},
    process::ExitCode,
};

/// The body of `main` in `checks/host.rs`: runs the check that the command line names.
/// Each check has a process of its own, so that one that hangs or overflows its stack
/// takes no other with it. Nonce and seed come in on standard input.
pub fn run(checks: &[Check]) -> ExitCode {
    let Some(name) = std::env::args().nth(1) else {
        eprintln!("these are the checks of an exercise; run `cargo xtask check` instead");
        return ExitCode::from(2);
    };
    let Some(check) = checks.iter().find(|check| check.name == name) else {
        eprintln!("there is no check `{name}` in checks/host.rs");
        return ExitCode::from(2);
    };
    let Some((nonce, seed)) = read_instructions() else {
        eprintln!("standard input holds no nonce and seed");
        return ExitCode::from(2);
    };
    report_panics(nonce.clone());
    match Trial::run(check, seed, &nonce, &mut Stdout) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// One line: nonce and seed.
fn read_instructions() -> Option<(String, u64)> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).ok()?;
    let (nonce, seed) = line.trim_end().split_once(' ')?;
    Some((nonce.to_owned(), seed.parse().ok()?))
}

/// A panic ends the check, and is reported with its place.
fn report_panics(nonce: String) {
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map_or_else(|| "-".to_owned(), ToString::to_string);
        let payload = info.payload_as_str().unwrap_or("(no message)");
        let line = Line::Panic { location: place.as_str(), message: payload };
        // There is nobody to tell if standard output is gone.
        let _ = grading::write(&mut Stdout, &nonce, line);
    }));
}

/// Standard output, line by line.
struct Stdout;

impl fmt::Write for Stdout {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        io::stdout().lock().write_all(text.as_bytes()).map_err(|_| fmt::Error)
    }
}
