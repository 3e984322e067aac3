//! A boot whose every run is the same: a fixed machine whose time is the number of
//! instructions executed.

use crate::{
    boot::Module,
    machine::Machine,
    measure,
    trial::{Guest, Outcome, Trial},
    verdict::report::Report,
    workspace::{Milestone, Workspace},
};
use anyhow::{Error, Result, bail};
use std::{io::sink, path::Path};

/// The model, by name and with its flags: `max` is another CPU in each QEMU.
pub const CPU: &str = "qemu64,+smep,+smap,+umip";
/// As much as `run` gives.
pub const MEMORY: &str = "256M";

/// What a milestone said in such a boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// To people.
    pub serial: String,
    /// To the host.
    pub events: Vec<String>,
}

/// Boots a milestone's kernel, with the user programs if it takes them, on the fixed
/// machine.
///
/// # Errors
/// If it does not complete, with the verdict.
pub fn boot(
    workspace: &Workspace,
    milestone: &Milestone,
    kernel: &Path,
    loader: &Path,
    modules: &[Module],
) -> Result<Boot> {
    let machine = Machine {
        memory: MEMORY.parse().map_err(Error::msg)?,
        cpu: CPU.parse().map_err(Error::msg)?,
    };
    let guest = Guest { title: &milestone.title(), kernel, cmdline: "", modules };
    let mut trial = Trial::fast(&guest, loader, machine)?;
    trial.launch.counts_instructions = true;
    let outcome = trial.run(&measure::limits(), &mut sink())?;
    if !outcome.verdict.is_complete() {
        let symbols = trial.symbols(&workspace.root)?;
        let report = Report::new(&outcome, &symbols).text();
        bail!("{} does not complete: {report}\nserial output:\n{}", milestone.name, outcome.serial);
    }
    let Outcome { serial, events, .. } = outcome;
    Ok(Boot { serial, events })
}
