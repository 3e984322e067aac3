//! Milestones complete on machines with hardware that they do not drive: more CPUs,
//! a display. What `run` and the kernel say of it is true.

use super::{Test, bench::Need, boots, cli::Xtask};
use crate::{
    boot::way::Way,
    machine::Machine,
    qemu::{command::Attached, display::Display},
    workspace::{Milestone, Workspace},
};
use anyhow::{Result, ensure};

const PROCESSORS: u8 = 4;
/// What M0's handshake says of a screen.
const SCREEN: &str = "handshake: framebuffer of ";

pub fn tests(workspace: &Workspace) -> Vec<Test> {
    let mut tests = Vec::new();
    let milestones = workspace.milestones();
    // Firmware takes its time; the last milestone has all that the others have.
    tests.extend(milestones.last().map(|milestone| test(milestone, Way::Uefi)));
    tests.extend(milestones.iter().map(|milestone| test(milestone, Way::Fast)));
    tests.push(said());
    tests.push(refused("cpus-out-of-range", &["--smp", "65"], &["65", "--smp"]));
    if cfg!(target_os = "linux") {
        tests.push(refused("no-screen", &["--display"], &["no screen", "--display=hidden"]));
    }
    tests
}

/// A boot with four CPUs and a display, on which firmware offers a framebuffer.
fn test(milestone: &Milestone, way: Way) -> Test {
    let kernel = Need::Kernel(milestone.package.clone());
    let needs = match way {
        Way::Fast => [Need::LoaderPvh, Need::Emulator, kernel],
        Way::Uefi | Way::Limine => [Need::LoaderUefi, Need::Firmware, kernel],
    };
    let milestone = milestone.clone();
    Test::new(format!("hardware/{}/{way}", milestone.name), needs, move |bench| {
        let machine = Machine::default();
        let outcome =
            boots::run_changed(bench, &milestone, way, Attached::Disk, machine, |launch| {
                launch.processors = PROCESSORS;
                launch.display = Display::Hidden;
            })?;
        let found = outcome.serial.contains(SCREEN);
        ensure!(
            found == way.needs_firmware(),
            "a framebuffer was {}found:\n{}",
            if found { "" } else { "not " },
            outcome.serial
        );
        Ok(())
    })
}

/// The command says which hardware is left alone.
fn said() -> Test {
    let needs = [Need::Emulator, Need::LoaderPvh, Need::Kernel("m0-boot".to_owned())];
    Test::new("hardware/said-by-run", needs, |_| {
        let arguments = ["run", "m0", "--boot", "fast", "--smp", "2", "--display=hidden"];
        let called = Xtask::new(arguments).run()?;
        ensure!(called.status == Some(0), "{}\n{}", called.stdout, called.stderr);
        for line in ["cpus: 2, of which the kernel uses one", "display: nothing is drawn"] {
            ensure!(called.stdout.contains(line), "no `{line}` in\n{}", called.stdout);
        }
        Ok(())
    })
}

fn refused(name: &str, options: &'static [&str], mentions: &'static [&str]) -> Test {
    Test::new(format!("hardware/{name}"), [Need::Emulator], move |_| -> Result<()> {
        let xtask = Xtask::new(["run", "m0", "--boot", "fast"]);
        let mut command = xtask.env("DISPLAY", "").env("WAYLAND_DISPLAY", "");
        command = command.arguments(options);
        let called = command.run()?;
        ensure!(called.status == Some(2), "status {:?}: {}", called.status, called.stderr);
        let lines: Vec<&str> =
            called.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        ensure!(lines.len() == 1, "not one line of error:\n{}", called.stderr);
        for mention in mentions {
            ensure!(lines[0].contains(mention), "the error lacks `{mention}`: {}", lines[0]);
        }
        Ok(())
    })
}
