//! What `cargo xtask image` writes, as read by programs that did not write it:
//! xorriso for the CD and the partition table, mtools for the files.

use super::{
    Passed, Test,
    bench::{Bench, Need},
    cli::Xtask,
};
use crate::{
    boot::{self, esp},
    firmware,
    limine::{self, tool},
    packages::{self, MTOOLS, XORRISO},
    process::{self, Finished},
    qemu::find_in_path,
    trial::temporary_folder,
    workspace::{Milestone, Workspace},
};
use anyhow::{Context, Result, ensure};
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// How long a reader may take for a few megabytes, on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

pub fn tests(workspace: &Workspace) -> Vec<Test> {
    let Some(milestone) = workspace.milestones().pop() else { return Vec::new() };
    let kernel = Need::Kernel(milestone.package.clone());
    let mut tests = Vec::new();
    let (own, needs) = (milestone.clone(), [kernel.clone(), Need::LoaderUefi]);
    tests.push(Test::skippable("image/read-by-others", needs, move |bench| {
        if let Err(error) = readers() {
            return Ok(Passed::Skipped(format!("{error:#}")));
        }
        let loader = fs::read(bench.file(&Need::LoaderUefi)?)?;
        read_by_others(bench, &own, &loader, &[]).map(|()| Passed::Shown)
    }));
    let limine = firmware::find_limine().ok().flatten();
    let with_bios = |program: &PathBuf| program.parent().is_some_and(tool::boots_by_bios);
    if let Some(program) = limine.filter(with_bios) {
        tests.push(Test::skippable("image/limine/read-by-others", [kernel], move |bench| {
            if let Err(error) = readers() {
                return Ok(Passed::Skipped(format!("{error:#}")));
            }
            let system = fs::read(program.with_file_name(limine::BIOS_SYSTEM))?;
            let on_cd = [(limine::BIOS_SYSTEM.to_owned(), system)];
            read_by_others(bench, &milestone, &fs::read(&program)?, &on_cd).map(|()| Passed::Shown)
        }));
    }
    tests
}

/// Makes sure of the programs.
fn readers() -> Result<()> {
    let programs = [("xorriso", XORRISO), ("mcopy", MTOOLS)];
    let missing: Vec<_> = programs
        .into_iter()
        .filter(|(program, _)| find_in_path(program).is_none())
        .map(|(_, package)| package)
        .collect();
    if missing.is_empty() { Ok(()) } else { packages::install(&missing, "reading our images") }
}

/// The image is a CD and a disk with one partition, in which every file is what was
/// put there. With `on_cd`, it boots by BIOS, and the CD has all files as well.
fn read_by_others(
    bench: &Bench,
    milestone: &Milestone,
    loader: &[u8],
    on_cd: &[(String, Vec<u8>)],
) -> Result<()> {
    let folder = temporary_folder()?;
    let image = folder.path().join("image.iso");
    let mut call = Xtask::new(["image", &milestone.name, "-o", text(&image)?]);
    if !on_cd.is_empty() {
        call = call.arguments(&["--limine"]);
    }
    let called = call.run()?;
    ensure!(called.status == Some(0), "`image` failed: {}", called.stderr);
    ensure!(called.stdout.contains("dd if="), "no instructions for a stick: {}", called.stdout);

    check_tables(&image, !on_cd.is_empty())?;
    let mut files =
        vec![("boot/kernel".to_owned(), boot::kernel::read(bench.kernel(&milestone.package)?)?)];
    for module in bench.modules(&milestone.package)? {
        files.push((format!("boot/{}", module.name), module.contents.clone()));
    }
    for (path, contents) in files.iter().chain(on_cd).filter(|_| !on_cd.is_empty()) {
        let out = folder.path().join("file");
        extract(&image, &path.to_ascii_uppercase(), &out)?;
        same(path, &out, contents).context("on the CD")?;
    }
    let partition = folder.path().join("partition");
    extract(&image, "ESP.IMG", &partition)?;
    files.push((esp::BOOT_PROGRAM.to_owned(), loader.to_vec()));
    for (path, contents) in &files {
        let out = folder.path().join("file");
        let source = format!("::/{path}");
        run(
            "mcopy",
            ["-n".as_ref(), "-i".as_ref(), partition.as_os_str(), source.as_ref(), out.as_ref()],
        )?;
        same(path, &out, contents).context("on the EFI system partition")?;
    }
    let listed = run("mdir", ["-/", "-b", "-i", text(&partition)?, "::"])?;
    let count = listed.stdout.lines().filter(|line| !line.ends_with('/')).count();
    // All of the above and the configuration.
    ensure!(count == files.len() + 1, "{count} files on the partition:\n{}", listed.stdout);
    Ok(())
}

/// Both tables of contents name the same partition, and nothing is wrong with them.
fn check_tables(image: &Path, by_bios: bool) -> Result<()> {
    let reports = ["-report_el_torito", "plain", "-report_system_area", "plain"];
    let mut arguments = vec!["-indev", text(image)?];
    arguments.extend(reports);
    let report = run("xorriso", arguments)?.stdout;
    let number = |title: &str, word: usize| -> Result<u64> {
        let line = report.lines().find(|line| line.starts_with(title));
        let values = line.and_then(|line| line.split_once(':')).map(|(_, values)| values);
        let value = values.and_then(|values| values.split_whitespace().nth(word));
        value
            .and_then(|value| value.parse().ok())
            .with_context(|| format!("xorriso finds no {title}:\n{report}"))
    };
    let uefi =
        if by_bios { "El Torito boot img :   2  UEFI" } else { "El Torito boot img :   1  UEFI" };
    let by_cd = number(uefi, 7)? * 4;
    let (start, size) = (number("GPT start and size", 1)?, number("GPT start and size", 2)?);
    ensure!(by_cd == start, "the CD boots from {by_cd}, the disk from {start}:\n{report}");
    ensure!(size > 0, "the partition is empty:\n{report}");
    let mut wanted = vec!["GPT partition path :   1  /ESP.IMG", "0xee"];
    if by_bios {
        wanted.extend(["El Torito boot img :   1  BIOS  y", "boot-info-table"]);
    } else {
        // Limine's tool shortens the second table in a way that xorriso wonders at.
        ensure!(!report.contains("problems"), "xorriso finds problems:\n{report}");
    }
    for want in wanted {
        ensure!(report.contains(want), "xorriso finds no `{want}`:\n{report}");
    }
    Ok(())
}

/// Copies a file out of the CD.
fn extract(image: &Path, path: &str, out: &Path) -> Result<()> {
    let source = format!("/{path}");
    // xorriso makes copies as read-only as CDs are; one may be there.
    let options = ["-osirrox", "on:auto_chmod_on", "-indev", text(image)?];
    let mut arguments = options.to_vec();
    arguments.extend(["-extract", &source, text(out)?]);
    run("xorriso", arguments).map(drop)
}

fn same(path: &str, found: &Path, expected: &[u8]) -> Result<()> {
    let bytes = fs::read(found).with_context(|| format!("{path} cannot be read"))?;
    ensure!(bytes == expected, "{path} is not what was put there");
    fs::remove_file(found)?;
    Ok(())
}

fn run<A: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = A>) -> Result<Finished> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C");
    let finished = process::capture(&mut command, LIMIT).with_context(|| program.to_owned())?;
    ensure!(finished.success(), "{program} failed: {}\n{}", finished.stderr, finished.stdout);
    Ok(finished)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the temporary folder's name is not text")
}
