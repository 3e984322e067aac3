//! The image of `cargo xtask image` boots whatever it is attached as, and is
//! reproducible.

use super::{Test, bench::Need, boots, cli::Xtask};
use crate::{
    boot::way::Way,
    machine::Machine,
    qemu::command::Attached,
    trial::temporary_folder,
    workspace::{Milestone, Workspace},
};
use anyhow::{Context, Result, ensure};

pub fn tests(workspace: &Workspace) -> Vec<Test> {
    let mut tests = Vec::new();
    let Some(milestone) = workspace.milestones().pop() else { return tests };
    // As a disk it is booted by boot/…/uefi.
    for (name, attached) in [("cd", Attached::Cd), ("usb", Attached::Usb)] {
        let milestone = milestone.clone();
        let needs = [Need::Firmware, Need::LoaderUefi, Need::Kernel(milestone.package.clone())];
        tests.push(Test::new(format!("image/boots-as-{name}"), needs, move |bench| {
            boots::run(bench, &milestone, Way::Uefi, attached, Machine::default())
        }));
    }
    let needs = [Need::LoaderUefi, Need::Kernel(milestone.package.clone())];
    tests.push(Test::new("image/reproducible", needs, move |_| reproducible(&milestone)));
    tests
}

/// The command writes the same bytes twice, at different times.
fn reproducible(milestone: &Milestone) -> Result<()> {
    let folder = temporary_folder()?;
    let mut images = Vec::new();
    for name in ["first.iso", "second.iso"] {
        let path = folder.path().join(name);
        let output = path.to_str().context("the temporary folder's name is not text")?;
        let finished = Xtask::new(["image", &milestone.name, "-o", output]).run()?;
        ensure!(finished.status == Some(0), "`image` failed: {}", finished.stderr);
        images.push(std::fs::read(&path)?);
    }
    ensure!(images[0] == images[1], "two images of the same kernel differ");
    ensure!(std::fs::read_dir(folder.path())?.count() == 2, "`image` left other files behind");
    Ok(())
}
