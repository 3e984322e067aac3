//! Every milestone boots, on every road and on machines small, large and old.

use super::{
    Test,
    bench::{Bench, Need},
    cli::Xtask,
    guest::{explain, limits},
};
use crate::{
    boot::way::Way,
    firmware,
    machine::Machine,
    qemu::command::{Attached, Launch},
    trial::{Guest, Outcome, Trial},
    ui,
    workspace::{Milestone, Workspace},
};
use anyhow::{Error, Result, ensure};
use std::io::sink;

/// Machines beside the default one: memory and CPU.
const MACHINES: [(&str, &str); 4] =
    [("64M", "max"), ("3G", "max"), ("256M", "qemu64"), ("64M", "qemu64")];

pub fn tests(workspace: &Workspace) -> Result<Vec<Test>> {
    let mut tests = Vec::new();
    let limine = firmware::find_limine()?;
    if limine.is_none() {
        ui::note(format_args!("{}; the tests boot/…/limine are left out", firmware::no_limine()));
    }
    for milestone in workspace.milestones() {
        let name = |way: &str| format!("boot/{}/{way}", milestone.name);
        if limine.is_some() {
            tests.push(boot(name("limine"), &milestone, Way::Limine, None));
        }
        tests.push(boot(name("uefi"), &milestone, Way::Uefi, None));
        tests.push(boot(name("fast"), &milestone, Way::Fast, None));
        tests.push(unoptimised(name("fast/debug"), &milestone));
        for machine in MACHINES {
            let (memory, cpu) = machine;
            let name = name(&format!("fast/{memory}/{cpu}"));
            tests.push(boot(name, &milestone, Way::Fast, Some(machine)));
        }
    }
    Ok(tests)
}

fn boot(
    name: String,
    milestone: &Milestone,
    way: Way,
    machine: Option<(&'static str, &'static str)>,
) -> Test {
    let mut needs = vec![Need::Emulator, Need::Kernel(milestone.package.clone())];
    match way {
        Way::Fast => needs.push(Need::LoaderPvh),
        Way::Uefi => needs.extend([Need::Firmware, Need::LoaderUefi]),
        Way::Limine => needs.push(Need::Firmware),
    }
    let milestone = milestone.clone();
    Test::new(name, needs, move |bench| {
        let machine = match machine {
            None => Machine::default(),
            Some((memory, cpu)) => Machine {
                memory: memory.parse().map_err(Error::msg)?,
                cpu: cpu.parse().map_err(Error::msg)?,
            },
        };
        run(bench, &milestone, way, Attached::Disk, machine)
    })
}

/// A build without optimisation needs more stack; it must complete all the same.
fn unoptimised(name: String, milestone: &Milestone) -> Test {
    let milestone = milestone.name.clone();
    Test::new(name, [Need::Emulator], move |_| {
        let called = Xtask::new(["run", &milestone, "--debug", "--boot", "fast"]).run()?;
        let verdict = called.verdict();
        ensure!(called.status == Some(0), "{verdict}\n{}", called.stderr);
        Ok(())
    })
}

/// Boots a milestone and expects it to complete and to say so.
pub fn run(
    bench: &Bench,
    milestone: &Milestone,
    way: Way,
    attached: Attached,
    machine: Machine,
) -> Result<()> {
    run_changed(bench, milestone, way, attached, machine, |_| {}).map(drop)
}

/// The same on a machine with more than [`Machine`] knows of; what it said.
pub fn run_changed(
    bench: &Bench,
    milestone: &Milestone,
    way: Way,
    attached: Attached,
    machine: Machine,
    change: impl FnOnce(&mut Launch),
) -> Result<Outcome> {
    let guest = Guest {
        title: &milestone.title(),
        kernel: bench.kernel(&milestone.package)?,
        cmdline: "",
        modules: bench.modules(&milestone.package)?,
    };
    let program = match way {
        Way::Fast => bench.file(&Need::LoaderPvh)?.to_owned(),
        Way::Uefi => bench.file(&Need::LoaderUefi)?.to_owned(),
        Way::Limine => firmware::limine()?,
    };
    let mut trial = Trial::new(way, &guest, &program, attached, machine)?;
    change(&mut trial.launch);
    let outcome = trial.run(&limits(way.time_limit()), &mut sink())?;
    ensure!(outcome.verdict.is_complete(), "{}", explain(&trial, &outcome, bench)?);
    let line = format!("=== {} MILESTONE COMPLETE ===", milestone.name.to_uppercase());
    ensure!(
        outcome.serial.lines().any(|serial| serial.trim_end() == line),
        "the kernel completed without the line `{line}`"
    );
    Ok(outcome)
}
