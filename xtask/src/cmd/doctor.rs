//! `cargo xtask doctor`: each requirement, its version, ok or the fix.
//!
//! Nothing is installed or changed, and every program it asks gets a time limit.

use crate::{
    book::browser,
    debugger, firmware,
    health::{self, Finding, State},
    packages::{self, CHROMIUM, GDB, NODE, NPM, OVMF, Package, QEMU},
    process, qemu,
    toolchain::{self, Choice, host_rustc},
    ui::Paint,
    workspace::Workspace,
};
use anyhow::{Context, Result, ensure};
use std::{
    ffi::OsStr,
    process::{Command, ExitCode},
    time::Duration,
};

/// How long any program may take to say its version.
const PROBE_LIMIT: Duration = Duration::from_secs(10);

/// Reports what is needed, what is there, and how to get the rest.
///
/// It looks at cargo, rustc and their components, the bare-metal targets, QEMU and
/// whether its version is known to break, UEFI firmware, Limine, what the book is tested
/// with (a browser, node, npm), free disk space where target/ is, whether a slow file system (/mnt/c of WSL, a share) holds the
/// project, and whether .vscode/settings.json has rust-analyzer analyse kernels for
/// bare metal without compiling all else, which needs std, for it too.
///
/// The exit status is 1 if something required is missing. Nothing is changed, and
/// every program that is asked gets ten seconds to answer.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask doctor                       # before a first run, or when one fails
  cargo xtask --toolchain staged doctor    # as for a machine without rustup")]
pub struct Args {}

pub fn main(_: &Args, choice: Choice) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let mut findings = vec![cargo(), rustc(&workspace)];
    findings.extend(targets(&workspace, choice));
    findings.extend([
        component("rustfmt", "fmt"),
        component("clippy", "clippy"),
        emulator(),
        gdb(),
        uefi_firmware(),
        limine(),
        tests_program("browser", browser::find(), CHROMIUM),
        tests_program("node", browser::program("node"), NODE),
        tests_program("npm", browser::program("npm"), NPM),
        Finding { what: "disk space", state: health::disk::look(&workspace.target) },
        Finding { what: "editor", state: editor(&workspace) },
    ]);
    let slow = health::wsl::look(&workspace.root, &workspace.target);
    findings.extend(slow.map(|state| Finding { what: "file system", state }));
    findings.iter().for_each(print);
    let missing = findings.iter().filter(|one| matches!(one.state, State::Missing { .. })).count();
    if missing == 0 {
        println!("\nall that is required is there");
        return Ok(ExitCode::SUCCESS);
    }
    println!("\n{missing} of {} missing; `run` and `test` install what they can", findings.len());
    Ok(ExitCode::FAILURE)
}

fn print(finding: &Finding) {
    let (mark, text, more) = match &finding.state {
        State::Good(text) => (Paint::Good.on_stdout("ok      "), text, None),
        State::Missing { found, fix } => (Paint::Bad.on_stdout("MISSING "), found, Some(fix)),
        State::Advice { found, advice } => ("advice  ".to_owned(), found, Some(advice)),
        State::Optional { found, gain } => (Paint::Dim.on_stdout("optional"), found, Some(gain)),
    };
    println!("{mark} {:<20} {text}", finding.what);
    if let Some(more) = more {
        println!("{:>29} {more}", "→");
    }
}

fn cargo() -> Finding {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let fix = "install Rust from https://rustup.rs".to_owned();
    Finding { what: "cargo", state: or_missing(version(&program, &["--version"]), fix) }
}

fn rustc(workspace: &Workspace) -> Finding {
    let checked = version(host_rustc(), &["--version"]).and_then(|version| {
        let release = version.split(' ').nth(1).unwrap_or_default();
        workspace.check_compiler(release)?;
        Ok(version)
    });
    Finding { what: "rustc", state: or_missing(checked, "rustup update stable".to_owned()) }
}

/// The road to the bare-metal targets that a build would take.
fn targets(workspace: &Workspace, choice: Choice) -> Vec<Finding> {
    let what = "bare-metal targets";
    let staged = || Finding { what: "staged toolchain", state: staged_state(workspace) };
    if choice == Choice::Staged {
        return vec![staged()];
    }
    let state = match toolchain::missing_targets() {
        Ok(missing) if missing.is_empty() => State::Good(toolchain::TARGETS.join(", ")),
        Ok(missing) => State::Missing {
            found: format!("{} not installed", missing.join(" ")),
            fix: format!("rustup target add {}", missing.join(" ")),
        },
        Err(error) => State::Missing {
            found: format!("{error:#}"),
            fix: "install Rust from https://rustup.rs".to_owned(),
        },
    };
    match (&state, choice) {
        // The third road is open where Debian's compiler is installed already.
        (State::Missing { found, .. }, Choice::Auto) => match staged_state(workspace) {
            State::Good(version) => vec![
                Finding {
                    what,
                    state: State::Optional {
                        found: found.clone(),
                        gain: "the staged toolchain will be used".to_owned(),
                    },
                },
                Finding { what: "staged toolchain", state: State::Good(version) },
            ],
            _ => vec![Finding { what, state }],
        },
        _ => vec![Finding { what, state }],
    }
}

fn staged_state(workspace: &Workspace) -> State {
    match toolchain::describe_staged(workspace) {
        Ok(text) => State::Good(text),
        Err(error) => State::Missing {
            found: format!("{error:#}"),
            fix: packages::hint(&toolchain::STAGED_PACKAGES),
        },
    }
}

/// A component that `test` needs.
fn component(what: &'static str, subcommand: &str) -> Finding {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let fix = format!("rustup component add {what} (needed by `test`)");
    Finding { what, state: or_missing(version(program, &[subcommand, "--version"]), fix) }
}

fn emulator() -> Finding {
    let found = version(qemu::program(), &["--version"]);
    Finding { what: "QEMU", state: health::emulator::judge(found, packages::hint(&[QEMU])) }
}

fn gdb() -> Finding {
    let state = match version(debugger::program(), &["--version"]) {
        Ok(text) => State::Good(text),
        Err(_) => State::Optional {
            found: "none".to_owned(),
            gain: format!("for `cargo xtask gdb`: {}", packages::hint(&[GDB])),
        },
    };
    Finding { what: "GDB", state }
}

fn uefi_firmware() -> Finding {
    let state = match firmware::find() {
        Ok(Some(found)) => State::Good(found.code.display().to_string()),
        Ok(None) => State::Missing {
            found: "OVMF is in none of the usual places".to_owned(),
            fix: packages::hint(&[OVMF]),
        },
        Err(error) => State::Missing {
            found: format!("{error:#}"),
            fix: "correct the variables or unset them".to_owned(),
        },
    };
    Finding { what: "UEFI firmware", state }
}

fn limine() -> Finding {
    let gain = "to boot by Limine itself: cargo xtask setup --limine, or set LIMINE_DIR".to_owned();
    let state = match firmware::find_limine() {
        Ok(Some(program)) => State::Good(program.display().to_string()),
        Ok(None) => State::Optional { found: "none".to_owned(), gain },
        Err(error) => State::Missing { found: format!("{error:#}"), fix: gain },
    };
    Finding { what: "Limine", state }
}

/// A program that only `test` needs, for the book.
fn tests_program(
    what: &'static str,
    program: Option<impl AsRef<OsStr>>,
    package: Package,
) -> Finding {
    let found = program.context("it is not installed").and_then(|one| version(one, &["--version"]));
    let fix = format!("{} (needed by `test`)", packages::hint(&[package]));
    Finding { what, state: or_missing(found, fix) }
}

fn editor(workspace: &Workspace) -> State {
    health::editor::look(&workspace.root, toolchain::KERNEL_TARGET)
}

fn or_missing(found: Result<String>, fix: String) -> State {
    match found {
        Ok(text) => State::Good(text),
        Err(error) => State::Missing { found: format!("{error:#}"), fix },
    }
}

/// The first line of what a program says of itself.
fn version(program: impl AsRef<OsStr>, arguments: &[&str]) -> Result<String> {
    let shown = program.as_ref().display();
    let mut command = Command::new(&program);
    command.args(arguments);
    let finished = process::capture(&mut command, PROBE_LIMIT)
        .with_context(|| format!("{shown} cannot be run"))?;
    ensure!(finished.status.is_some(), "{shown} did not answer within {PROBE_LIMIT:?}");
    ensure!(
        finished.success(),
        "{shown} {} failed: {}",
        arguments.join(" "),
        finished.stderr.lines().next().unwrap_or("it gave no reason")
    );
    let line = finished.stdout.lines().next().unwrap_or_default().trim();
    ensure!(!line.is_empty(), "{shown} says nothing of its version");
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_program_that_never_answers_is_given_up() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 100 & wait"]);
        let start = Instant::now();
        let finished = process::capture(&mut command, Duration::from_millis(200)).expect("a shell");
        assert!(finished.status.is_none());
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }

    #[test]
    fn a_failing_program_is_told_apart_from_a_missing_one() {
        let missing = version("/nonexistent/program", &[]).expect_err("missing");
        assert!(format!("{missing:#}").contains("cannot be run"), "{missing:#}");
        let failing = version("sh", &["-c", "echo no >&2; exit 3"]).expect_err("failing");
        assert!(failing.to_string().ends_with("failed: no"), "{failing}");
    }
}
