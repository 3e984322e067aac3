//! `cargo xtask` itself, called as people call it: mistakes on the command line
//! end in one line that helps.

use super::{Test, bench::Need};
use crate::{measure, process};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::{ffi::OsString, process::Command, time::Duration};

/// How long a call may take. It may have to wait for other builds, and to build a
/// toolchain, on a machine that is busy with other things.
const LIMIT: Duration = Duration::from_secs(2400);

/// A call of this very program.
pub struct Xtask {
    command: Command,
}

/// How a call ended.
pub struct Called {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Called {
    /// The line with a run's verdict: the last one that is not indented, for the
    /// explanation stands below it.
    pub fn verdict(&self) -> &str {
        self.stdout.lines().rfind(|line| !line.starts_with(' ')).unwrap_or_default()
    }
}

impl Xtask {
    /// A call with `arguments`.
    pub fn new<const N: usize>(arguments: [&str; N]) -> Self {
        let program = std::env::current_exe().unwrap_or_else(|_| "cargo-xtask".into());
        let mut command = Command::new(program);
        command.args(arguments);
        Self { command }
    }

    /// With an environment variable.
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    /// With more arguments.
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// The call, not yet made.
    pub fn command(self) -> Command {
        self.command
    }

    /// Makes the call.
    pub fn run(mut self) -> Result<Called> {
        let finished =
            process::capture(&mut self.command, LIMIT).context("cannot start xtask again")?;
        let status = finished.status.context("xtask was still running at the time limit")?;
        Ok(Called { status: status.code(), stdout: finished.stdout, stderr: finished.stderr })
    }
}

/// A mistake, and what the one line about it must contain.
struct Mistake {
    name: &'static str,
    arguments: &'static [&'static str],
    mentions: &'static [&'static str],
}

const MISTAKES: [Mistake; 9] = [
    Mistake {
        name: "unknown-milestone",
        arguments: &["run", "m9"],
        mentions: &["m9", "m0, m1, m2"],
    },
    Mistake { name: "no-milestone", arguments: &["run"], mentions: &["MILESTONE"] },
    Mistake { name: "unknown-command", arguments: &["rum"], mentions: &["rum", "run"] },
    Mistake {
        name: "unknown-way",
        arguments: &["run", "m0", "--boot", "bios"],
        mentions: &["bios", "fast", "uefi", "limine"],
    },
    Mistake {
        name: "bad-memory",
        arguments: &["run", "m0", "--memory", "lots"],
        mentions: &["`lots`", "256M"],
    },
    Mistake {
        name: "bad-timeout",
        arguments: &["run", "m0", "--timeout", "0"],
        mentions: &["--timeout"],
    },
    Mistake {
        name: "line-end-in-kernel-option",
        arguments: &["run", "m0", "--", "a\nkernel_path: x"],
        mentions: &["printable ASCII"],
    },
    Mistake {
        name: "image-in-missing-folder",
        arguments: &["image", "m0", "-o", "/nonexistent/folder/m0.iso"],
        mentions: &["/nonexistent/folder"],
    },
    Mistake {
        name: "filter-without-match",
        arguments: &["test", "no-such-test"],
        mentions: &["no-such-test"],
    },
];

pub fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = MISTAKES.into_iter().map(mistake).collect();
    let boots = || [Need::Emulator, Need::LoaderPvh, Need::Kernel("m0-boot".to_owned())];
    tests.push(Test::new("cli/unknown-kernel-option", boots(), |_| {
        let called = Xtask::new(["run", "m0", "--boot", "fast", "--", "bogus=1"]).run()?;
        let verdict = called.verdict();
        ensure!(
            called.status == Some(1) && verdict.contains("unknown option `bogus=1`"),
            "the verdict does not name the option: {verdict}"
        );
        Ok(())
    }));
    let programs = || [Need::Emulator, Need::LoaderPvh, Need::Kernel("m2-usermode".to_owned())];
    tests.push(Test::new("cli/list-of-programs", programs(), |_| {
        let called = Xtask::new(["run", "m2", "--boot", "fast", "--", "run=list"]).run()?;
        ensure!(called.status == Some(0), "status {:?}\n{}", called.status, called.stdout);
        let has = |name, kind| {
            called.stdout.lines().any(|line| line.split_whitespace().take(2).eq([name, kind]))
        };
        let listed = has("hello", "flat") && has("greeter", "ELF");
        ensure!(listed, "programs are missing:\n{}", called.stdout);
        ensure!(!called.stdout.contains("MILESTONE"), "it went on:\n{}", called.stdout);
        Ok(())
    }));
    tests.push(Test::new("cli/unknown-program", programs(), |_| {
        let called = Xtask::new(["run", "m2", "--boot", "fast", "--", "run=nobody"]).run()?;
        let verdict = called.verdict();
        let named =
            verdict.contains("there is no program `nobody`") && verdict.contains("`greeter`");
        ensure!(called.status == Some(1) && named, "the verdict names no programs: {verdict}");
        ensure!(verdict.starts_with("m2: check `run` failed: "), "no failed check: {verdict}");
        Ok(())
    }));
    tests.push(Test::new("cli/rustflags-are-left-out", boots(), |_| {
        let called = Xtask::new(["run", "m0", "--boot", "fast"])
            .env("RUSTFLAGS", "-Crelocation-model=pic --cfg=planted")
            .run()?;
        ensure!(called.status == Some(0), "the kernel does not boot: {}", called.stdout);
        ensure!(called.stderr.contains("RUSTFLAGS"), "no note: {}", called.stderr);
        Ok(())
    }));
    tests.push(Test::new("cli/json-verdict", boots(), |_| {
        let call = |options: [&str; 2]| -> Result<(Option<i32>, Value)> {
            let [dashes, option] = options;
            let call = Xtask::new(["run", "m0", "--boot", "fast", "--json", dashes, option]);
            let called = call.run()?;
            let value = serde_json::from_str(&called.stdout)
                .with_context(|| format!("stdout is not JSON alone:\n{}", called.stdout))?;
            ensure!(called.stderr.contains("m0: "), "no words on stderr:\n{}", called.stderr);
            Ok((called.status, value))
        };
        let (status, value) = call(["--memory", "128M"])?;
        let verdict = &value["verdict"];
        ensure!(status == Some(0) && verdict["kind"] == "complete", "not complete: {value:#}");
        let (status, value) = call(["--", "bogus=1"])?;
        let verdict = &value["verdict"];
        let (kind, entry) = (&verdict["kind"], &verdict["catalogue"]["id"]);
        ensure!(status == Some(1), "status {status:?}");
        ensure!(kind == "panic" && entry == "panic-unknown-option", "{value:#}");
        let source = verdict["panic"]["source"].as_str().unwrap_or_default();
        ensure!(source.contains("Options::parse"), "no line of source: {value:#}");
        Ok(())
    }));
    let mut bench = boots().to_vec();
    bench.extend([Need::BenchUser, Need::Kernel(measure::PACKAGE.to_owned())]);
    bench.push(Need::Kernel(measure::BOOTED.to_owned()));
    tests.push(Test::new("cli/json-bench-of-a-failing-kernel", bench, |_| {
        let call = Xtask::new(["bench", "--json"]).env("MYRIA_QEMU", "/nonexistent/qemu");
        let called = call.run()?;
        let value: Value = serde_json::from_str(&called.stdout)
            .with_context(|| format!("stdout is not JSON alone:\n{}", called.stdout))?;
        ensure!(value["verdict"]["kind"] == "emulator-missing", "{value:#}");
        ensure!(called.status == Some(1), "status {:?}", called.status);
        Ok(())
    }));
    tests.push(Test::new("cli/json-tests", [], |_| {
        let called = Xtask::new(["test", "layering", "--json"]).run()?;
        let lines: Result<Vec<Value>, _> =
            called.stdout.lines().map(serde_json::from_str::<Value>).collect();
        let lines = lines.with_context(|| format!("not JSON lines:\n{}", called.stdout))?;
        let [test, summary] = &lines[..] else { bail!("not two lines:\n{}", called.stdout) };
        ensure!(test["outcome"] == "ok" && test["test"] == "layering", "{test}");
        ensure!(summary["summary"]["passed"] == 1, "{summary}");
        Ok(())
    }));
    tests.push(Test::new("cli/first-and-last-line", boots(), |_| {
        let called = Xtask::new(["run", "m0", "--boot", "fast"]).run()?;
        let mut lines = called.stdout.lines();
        let first = lines.next().unwrap_or_default();
        let last = lines.last().unwrap_or_default();
        ensure!(first.starts_with("boot: fast"), "first line: {first}");
        ensure!(last.starts_with("m0: complete: "), "last line: {last}");
        ensure!(called.status == Some(0), "status {:?}", called.status);
        Ok(())
    }));
    tests
}

fn mistake(mistake: Mistake) -> Test {
    Test::new(format!("cli/{}", mistake.name), [], move |_| {
        let mut xtask = Xtask::new([]);
        xtask.command.args(mistake.arguments);
        let called = xtask.run()?;
        ensure!(called.status == Some(2), "status {:?} instead of 2", called.status);
        ensure!(called.stdout.is_empty(), "stdout is not empty: {}", called.stdout);
        let lines: Vec<&str> =
            called.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        ensure!(lines.len() == 1, "not one line of error:\n{}", called.stderr);
        for mention in mistake.mentions {
            ensure!(lines[0].contains(mention), "the error lacks `{mention}`: {}", lines[0]);
        }
        Ok(())
    })
}
