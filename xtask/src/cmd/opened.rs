//! What `gdb` and `monitor` have in common: a milestone, prepared to be looked into.

use crate::{
    boot::{config, way::Way},
    build::{Builder, Profile},
    firmware,
    machine::{Cpu, Machine, Memory},
    programs,
    qemu::command::Attached,
    setup,
    toolchain::{Choice, Toolchain},
    trial::{Guest, Trial},
    workspace::{Milestone, Workspace},
};
use anyhow::Result;
use std::path::PathBuf;

/// What to boot, and on what.
#[derive(clap::Args)]
pub struct What {
    /// The milestone: m0, m1, m2
    milestone: String,
    /// The way to boot
    #[arg(long, value_enum, default_value = "fast")]
    pub boot: Way,
    /// Build without optimisation
    #[arg(long)]
    debug: bool,
    /// Main memory, such as 256M or 3G
    #[arg(long, default_value = "256M")]
    memory: Memory,
    /// QEMU's CPU model, such as qemu64 or max
    #[arg(long, default_value = "max")]
    cpu: Cpu,
    /// Options for the kernel's command line
    #[arg(last = true)]
    kernel_options: Vec<String>,
}

/// A milestone that is built and can be booted.
pub struct Opened {
    pub milestone: Milestone,
    pub kernel: PathBuf,
    pub trial: Trial,
}

impl What {
    /// The milestone that was named.
    pub fn milestone(&self, workspace: &Workspace) -> Result<Milestone> {
        workspace.milestone(&self.milestone)
    }

    /// The kernel's command line, after the `first` option.
    ///
    /// # Errors
    /// An option that no command line can hold.
    pub fn cmdline(&self, first: Option<&str>) -> Result<String> {
        config::join_arguments(first.into_iter().chain(self.kernel_options.iter().map(|o| &**o)))
    }

    /// Builds the milestone and what boots it.
    pub fn open(&self, workspace: &Workspace, choice: Choice, cmdline: &str) -> Result<Opened> {
        let milestone = self.milestone(workspace)?;
        setup::emulator(self.boot.needs_firmware())?;
        let toolchain = Toolchain::prepare(choice, workspace)?;
        let builder = Builder { workspace, toolchain: &toolchain };
        let profile = if self.debug { Profile::Debug } else { Profile::Release };
        let kernel = builder.kernel(&milestone.package, profile)?;
        let modules = programs::build_for(&milestone.package, &builder)?;
        let guest =
            Guest { title: &milestone.title(), kernel: &kernel, cmdline, modules: &modules };
        let program = match self.boot {
            Way::Fast => builder.loader_pvh()?,
            Way::Uefi => builder.loader_uefi()?,
            Way::Limine => firmware::limine()?,
        };
        let machine = Machine { memory: self.memory, cpu: self.cpu.clone() };
        let trial = Trial::new(self.boot, &guest, &program, Attached::Disk, machine)?;
        Ok(Opened { milestone, kernel, trial })
    }
}
