//! One trial: a machine is started, observed and judged. A reset is looked into
//! by a second run with QEMU's interrupt log.

use crate::{
    boot::{self, Module, archive, config, image, way::Way},
    firmware,
    machine::Machine,
    qemu::{
        self,
        command::{Attached, Firmware, Launch, Medium},
        display::Display,
        interrupt_log,
        session::{self, Ending, Limits, Observed, Operator, StartError},
    },
    symbolise::Symbols,
    verdict::{
        Verdict,
        classify::{self, Demands},
    },
};
use anyhow::{Context, Result};
use std::{
    hash::{BuildHasher, RandomState},
    io::{Write, sink},
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

/// Everything a trial needs, on disk for as long as this lives.
pub struct Trial {
    pub launch: Launch,
    pub demands: Demands,
    /// ELF files whose code runs in the guest.
    pub elves: Vec<PathBuf>,
    /// Holds the boot files.
    pub folder: TempDir,
}

/// What a trial came to.
pub struct Outcome {
    pub verdict: Verdict,
    pub serial: String,
    pub events: Vec<String>,
    pub elapsed: Duration,
}

/// A kernel with what it is given.
pub struct Guest<'a> {
    /// The entry's title in the configuration.
    pub title: &'a str,
    pub kernel: &'a Path,
    /// Kernel options besides the nonce.
    pub cmdline: &'a str,
    pub modules: &'a [Module],
}

impl Trial {
    /// Prepares a boot of `guest`. `program` is the loader that goes with the way;
    /// firmware finds it on an image, `attached` as asked for.
    pub fn new(
        way: Way,
        guest: &Guest,
        program: &Path,
        attached: Attached,
        machine: Machine,
    ) -> Result<Self> {
        let nonce = fresh_nonce();
        let folder = temporary_folder()?;
        let files = guest.files(Some(&nonce))?;
        let mut elves = vec![guest.kernel.to_owned()];
        let medium = if way.needs_firmware() {
            let image = folder.path().join("boot.iso");
            let loader = match way {
                Way::Limine => image::Loader::limine(program),
                Way::Fast | Way::Uefi => image::Loader::ours(program),
            };
            image::write(files, &loader, &image)?;
            let firmware = firmware::find()?.context("there is no UEFI firmware")?;
            let firmware = firmware.with_own_variables(folder.path())?;
            Medium::Image { firmware, image, attached }
        } else {
            let archive = folder.path().join(boot::ARCHIVE);
            archive::write(&files, &archive)?;
            elves.push(program.to_owned());
            Medium::Archive { loader: program.to_owned(), archive }
        };
        let launch = Launch {
            machine,
            medium,
            processors: 1,
            display: Display::None,
            exit_device: true,
            interrupt_log: None,
            counts_instructions: false,
            debugger: None,
            nmi_after: None,
        };
        Ok(Self { launch, demands: Demands { nonce, boot: true }, elves, folder })
    }

    /// Prepares a boot of `guest` through QEMU's own `-kernel`.
    pub fn fast(guest: &Guest, loader: &Path, machine: Machine) -> Result<Self> {
        Self::new(Way::Fast, guest, loader, Attached::Disk, machine)
    }

    /// Runs the machine and judges what it did. `console` gets serial output as
    /// it comes.
    pub fn run(&self, limits: &Limits, console: &mut dyn Write) -> Result<Outcome> {
        match self.observe(limits, console, None)? {
            Ok(observed) => self.judge(observed, limits),
            Err(outcome) => Ok(outcome),
        }
    }

    /// Runs the machine with `operator` at its serial console. Where there is no
    /// QEMU, that is the outcome.
    pub fn observe(
        &self,
        limits: &Limits,
        console: &mut dyn Write,
        operator: Option<&mut dyn Operator>,
    ) -> Result<Result<Observed, Outcome>> {
        match session::run_with(&self.launch, limits, console, operator) {
            Ok(observed) => Ok(Ok(observed)),
            Err(StartError::Missing) => {
                let program = qemu::program().to_string_lossy().into_owned();
                Ok(Err(Outcome::without_run(Verdict::EmulatorMissing { program })))
            }
            Err(StartError::Failed(error)) => Err(error.context("cannot run QEMU")),
        }
    }

    /// Judges what was observed; looks into a reset by a second run.
    pub fn judge(&self, observed: Observed, limits: &Limits) -> Result<Outcome> {
        let mut verdict = classify::classify(&observed, &self.demands);
        if verdict == (Verdict::TripleFault { last: Vec::new() }) {
            verdict = self.look_into_reset(limits)?;
        }
        if limits.interactive && verdict == Verdict::Interrupted {
            // Whoever stays for the console ends the run; the kernel may have
            // been done long before.
            verdict = match classify::missing(&observed.events, &self.demands) {
                Ok(checks) => Verdict::Complete { checks },
                Err(_) => Verdict::Interrupted,
            };
        }
        let Observed { serial, events, elapsed, .. } = observed;
        Ok(Outcome { verdict, serial, events, elapsed })
    }

    /// The firmware that boots it, with this trial's own variables.
    pub fn firmware(&self) -> Option<&Firmware> {
        match &self.launch.medium {
            Medium::Image { firmware, .. } => Some(firmware),
            Medium::Archive { .. } | Medium::Bios { .. } => None,
        }
    }

    /// The symbols of what ran.
    pub fn symbols(&self, root: &Path) -> Result<Symbols> {
        let files: Vec<&Path> = self.elves.iter().map(PathBuf::as_path).collect();
        Symbols::load(&files, root)
    }

    /// Runs once more with QEMU's interrupt log and reads the end of it.
    fn look_into_reset(&self, limits: &Limits) -> Result<Verdict> {
        let log = self.folder.path().join("interrupts.log");
        let launch = Launch { interrupt_log: Some(log.clone()), ..self.launch.clone() };
        // The log slows the guest down a lot.
        let limits = Limits { time: limits.time.map(|time| time * 4), interactive: false };
        let again = match session::run(&launch, &limits, &mut sink()) {
            Ok(observed) => observed,
            Err(StartError::Missing) => return Ok(Verdict::Reset),
            Err(StartError::Failed(error)) => return Err(error.context("cannot run QEMU again")),
        };
        if again.ending == Ending::Interrupted {
            return Ok(Verdict::Interrupted);
        }
        let log = interrupt_log::read(&log).context("cannot read QEMU's interrupt log")?;
        let reset_again = matches!(again.ending, Ending::Exited { shutdown: Some(_), .. });
        Ok(match log.triple_fault && reset_again {
            true => Verdict::TripleFault { last: log.last },
            false => Verdict::Reset,
        })
    }
}

impl Outcome {
    /// A verdict that was reached before anything ran.
    pub fn without_run(verdict: Verdict) -> Self {
        Self { verdict, serial: String::new(), events: Vec::new(), elapsed: Duration::ZERO }
    }
}

impl Guest<'_> {
    /// The files of the boot volume.
    pub fn files(&self, nonce: Option<&str>) -> Result<Vec<boot::BootFile>> {
        let nonce = nonce.map(|nonce| format!("nonce={nonce}"));
        let words = nonce.as_deref().into_iter().chain(self.cmdline.split_ascii_whitespace());
        let cmdline = config::join_arguments(words)?;
        let config = config::limine_conf(self.title, &cmdline, self.modules)?;
        Ok(boot::files(config, boot::kernel::read(self.kernel)?, self.modules))
    }
}

/// A temporary folder that is removed when it is dropped.
pub fn temporary_folder() -> Result<TempDir> {
    tempfile::Builder::new().prefix("myria-").tempdir().context("cannot make a temporary folder")
}

/// 64 bits that no kernel can know beforehand, in hexadecimal. `RandomState` is
/// seeded by the operating system.
pub fn fresh_nonce() -> String {
    format!("{:016x}", RandomState::new().hash_one(std::time::SystemTime::now()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_differ() {
        assert_ne!(fresh_nonce(), fresh_nonce());
        assert_eq!(fresh_nonce().len(), 16);
    }
}
