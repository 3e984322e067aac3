//! `cargo xtask image`: writes a milestone as a bootable disk image.

use crate::{
    boot::{config, image},
    build::{Builder, Profile},
    firmware, programs,
    toolchain::{Choice, Toolchain},
    trial::Guest,
    ui,
    workspace::Workspace,
};
use anyhow::Result;
use std::{fs, path::PathBuf, process::ExitCode, time::Instant};

/// Writes a milestone as an image that boots by UEFI.
///
/// The image is a CD, a hard disk and a USB stick at once: burn it, or copy it to
/// a stick as it is.
#[derive(clap::Args)]
pub struct Args {
    /// The milestone: m0, m1, m2
    milestone: String,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Boot by Limine instead of our own loader
    #[arg(long)]
    limine: bool,
    /// Build without optimisation
    #[arg(long)]
    debug: bool,
    /// Options for the kernel's command line
    #[arg(last = true)]
    kernel_options: Vec<String>,
}

pub fn main(args: &Args, choice: Choice) -> Result<ExitCode> {
    let cmdline = config::join_arguments(args.kernel_options.iter().map(String::as_str))?;
    let workspace = Workspace::load()?;
    let milestone = workspace.milestone(&args.milestone)?;
    image::check_output(&args.output)?;
    let limine = match args.limine {
        true => Some(firmware::limine()?),
        false => None,
    };
    let start = Instant::now();
    let toolchain = Toolchain::prepare(choice, &workspace)?;
    let builder = Builder { workspace: &workspace, toolchain: &toolchain };
    let profile = if args.debug { Profile::Debug } else { Profile::Release };
    let guest = Guest {
        title: &milestone.title(),
        kernel: &builder.kernel(&milestone.package, profile)?,
        cmdline: &cmdline,
        modules: &programs::build_for(&milestone.package, &builder)?,
    };
    let program = match limine {
        Some(program) => program,
        None => builder.loader_uefi()?,
    };
    image::write(guest.files(None)?, &program, &args.output)?;
    let size = fs::metadata(&args.output)?.len();
    println!(
        "{}: {} ({:.1} MiB, {})",
        milestone.name,
        args.output.display(),
        size as f64 / f64::from(1 << 20),
        ui::seconds(start.elapsed())
    );
    Ok(ExitCode::SUCCESS)
}
