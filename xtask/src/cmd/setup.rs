//! `cargo xtask setup`: makes sure, ahead of time, of what other commands need.

use crate::{
    firmware,
    limine::{
        self,
        fetch::{self, Fetched},
        tool,
    },
    qemu, setup,
    toolchain::{Choice, Road, Toolchain},
    ui::{self, Paint},
    workspace::Workspace,
};
use anyhow::Result;
use std::{path::Path, process::ExitCode};

/// Installs what `run` and `test` need; with --limine, fetches Limine.
///
/// Without options it does ahead of time what `run` and `test` do first: Rust's
/// bare-metal targets, QEMU, UEFI firmware. What is there is left alone.
///
/// With --limine it fetches one pinned release of the Limine boot loader with git,
/// verifies its commit and its checksum, and puts it into your cache
/// ($XDG_CACHE_HOME/myria, or ~/.cache/myria), where `run --boot limine`, `image
/// --limine` and `test` find it. If there is a C compiler, Limine's tool is built,
/// with which `image --limine` makes sticks that boot by BIOS.
/// MYRIA_LIMINE_REPOSITORY names a mirror to fetch from; it must hold the same.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask setup              # before going offline
  cargo xtask setup --limine     # to boot by Limine itself
  MYRIA_LIMINE_REPOSITORY=file:///mirror/limine cargo xtask setup --limine")]
pub struct Args {
    /// Fetch the pinned release of Limine into the cache, and nothing else
    #[arg(long)]
    limine: bool,
}

pub fn main(args: &Args, choice: Choice) -> Result<ExitCode> {
    if args.limine {
        fetch_limine()?
    } else {
        everything(choice)?
    }
    Ok(ExitCode::SUCCESS)
}

fn everything(choice: Choice) -> Result<()> {
    let workspace = Workspace::load()?;
    let there = qemu::find_program().is_some();
    let firmware_there = firmware::find()?.is_some();
    setup::emulator(true)?;
    if let Some(program) = qemu::find_program() {
        tell("QEMU", there, program.display());
    }
    if let Some(found) = firmware::find()? {
        tell("UEFI firmware", firmware_there, found.code.display());
    }
    let toolchain = Toolchain::prepare(choice, &workspace)?;
    println!(
        "{} bare-metal targets: {}",
        Paint::Good.on_stdout("ready"),
        match toolchain.road {
            Road::Installed => "those of the Rust toolchain that runs xtask",
            Road::Staged => "those staged from Debian's compiler",
        }
    );
    Ok(())
}

/// Says whether something was there before.
fn tell(what: &str, there: bool, place: impl std::fmt::Display) {
    let how = if there { "there already" } else { "installed" };
    println!("{} {what}: {how}, {place}", Paint::Good.on_stdout("ready"));
}

fn fetch_limine() -> Result<()> {
    let release = limine::pinned();
    let (how, folder) = match fetch::fetch(&release, &limine::caches()?, &|text| ui::note(text))? {
        Fetched::There(folder) => ("there already", folder),
        Fetched::Downloaded(folder) => ("fetched and verified", folder),
    };
    let ready = Paint::Good.on_stdout("ready");
    println!("{ready} Limine {}: {how}, {}", release.tag, folder.display());
    println!("      boots by {}", ways(&folder));
    if let Some(found) = firmware::find_limine()?.filter(|found| !found.starts_with(&folder)) {
        println!("      not used: {} comes first", found.display());
    }
    Ok(())
}

/// What an image with the Limine in `folder` boots by.
fn ways(folder: &Path) -> &'static str {
    match (tool::boots_by_bios(folder), tool::find(folder).is_some()) {
        (false, _) => "UEFI",
        (true, false) => "UEFI, and by BIOS from a CD",
        (true, true) => "UEFI and BIOS, from a CD and from a stick",
    }
}
