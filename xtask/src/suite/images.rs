//! The image of `cargo xtask image` boots whatever it is attached as, by BIOS where
//! Limine is there, and is reproducible.

use super::{Test, bench::Need, boots, cli::Xtask};
use crate::{
    boot::way::Way,
    firmware,
    limine::tool,
    machine::Machine,
    qemu::command::{Attached, Launch, Medium},
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
    tests.extend(bios_tests(&milestone));
    let needs = [Need::LoaderUefi, Need::Kernel(milestone.package.clone())];
    tests.push(Test::new("image/reproducible", needs, move |_| reproducible(&milestone)));
    tests
}

/// By BIOS, which takes a Limine that has the files for it; from a disk also its
/// tool.
fn bios_tests(milestone: &Milestone) -> Vec<Test> {
    let limine = firmware::find_limine().ok().flatten();
    let Some(folder) = limine.as_deref().and_then(|program| program.parent()) else {
        return Vec::new();
    };
    let mut ways = Vec::new();
    if tool::boots_by_bios(folder) {
        ways.push(("cd", Attached::Cd));
        if tool::find(folder).is_some() {
            ways.push(("disk", Attached::Disk));
        }
    }
    let test = |(name, attached)| {
        let milestone = milestone.clone();
        let needs = [Need::Firmware, Need::Kernel(milestone.package.clone())];
        Test::new(format!("image/boots-by-bios-as-{name}"), needs, move |bench| {
            let (way, machine) = (Way::Limine, Machine::default());
            let outcome =
                boots::run_changed(bench, &milestone, way, attached, machine, without_firmware)?;
            ensure!(
                outcome.serial.contains(" on BIOS"),
                "the kernel was not told that it was started by BIOS:\n{}",
                outcome.serial
            );
            Ok(())
        })
    };
    ways.into_iter().map(test).collect()
}

fn without_firmware(launch: &mut Launch) {
    if let Medium::Image { image, attached, .. } = &launch.medium {
        launch.medium = Medium::Bios { image: image.clone(), attached: *attached };
    }
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
