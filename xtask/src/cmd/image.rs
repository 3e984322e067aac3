//! `cargo xtask image`: writes a milestone as a bootable disk image.

use crate::{
    boot::{
        config,
        image::{self, Loader},
    },
    build::{Builder, Profile},
    firmware, programs,
    toolchain::{Choice, Toolchain},
    trial::Guest,
    ui,
    workspace::Workspace,
};
use anyhow::Result;
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

/// Writes a milestone as an image that boots by UEFI.
///
/// The image is a CD, a hard disk and a USB stick at once: burn it, or copy it to
/// a stick as it is; the output says how. Devices are never written by this command.
///
/// With --limine, and a Limine release that has the files for it, the image boots by
/// BIOS as well: as a CD, and with Limine's own tool beside the release also as a
/// stick. `cargo xtask setup --limine` brings all of that.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask image m2 -o m2.iso               # by our own loader
  cargo xtask image m2 -o m2.iso --limine      # by Limine, also on machines with BIOS
  cargo xtask image m2 -o m2.iso -- run=hello  # with options for the kernel")]
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
    let program = match &limine {
        Some(program) => program.clone(),
        None => builder.loader_uefi()?,
    };
    let loader = match limine {
        Some(_) => Loader::limine(&program),
        None => Loader::ours(&program),
    };
    image::write(guest.files(None)?, &loader, &args.output)?;
    let size = fs::metadata(&args.output)?.len();
    println!(
        "{}: {} ({:.1} MiB, {})",
        milestone.name,
        args.output.display(),
        size as f64 / f64::from(1 << 20),
        ui::seconds(start.elapsed())
    );
    println!("boots by {}", loader.ways());
    println!("{}", stick_instructions(&args.output));
    Ok(ExitCode::SUCCESS)
}

/// How to put the image on a USB stick, for people. We never do it ourselves.
fn stick_instructions(image: &Path) -> String {
    let image = image.display();
    let (list, copy) = match cfg!(target_os = "macos") {
        true => ("diskutil list external", format!("sudo dd if='{image}' of=/dev/rdiskN bs=4m")),
        false => (
            "lsblk --nodeps -o NAME,SIZE,TRAN,MODEL",
            format!("sudo dd if='{image}' of=/dev/sdX bs=4M conv=fsync status=progress"),
        ),
    };
    format!(
        "\nTo write a USB stick, which erases all that is on it, find its name and copy:\n    \
         {list}\n    {copy}\nOn Windows, use Rufus in its \"DD image\" mode. Switch Secure Boot \
         off. The kernel speaks through the\nserial port COM1 (115200 baud, 8N1) and draws nothing \
         on the screen yet."
    )
}
