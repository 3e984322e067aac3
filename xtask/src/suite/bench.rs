//! What tests work with: built kernels, loaders and test programs.

use crate::{
    book::{self, Press},
    boot::Module,
    build::{self, Builder, Executable, Profile},
    programs, setup,
    toolchain::Toolchain,
    ui,
    workspace::Workspace,
};
use anyhow::{Result, anyhow};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Something that has to be there before a test can run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// QEMU.
    Emulator,
    /// QEMU and UEFI firmware.
    Firmware,
    /// The loader that QEMU starts.
    LoaderPvh,
    /// The loader that firmware starts.
    LoaderUefi,
    /// The kernel of a package.
    Kernel(String),
    /// The bench's kernel on M2.
    BenchUser,
    /// The in-guest test kernel of a package.
    GuestTest(String),
    /// The user programs.
    Programs,
    /// The test programs of all packages, for the host.
    HostTests,
    /// The program that builds the book.
    BookBuilder,
    /// The book, built; a folder.
    Book,
    /// A browser, and the tests of the book in it with all they use; a folder.
    Browser,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Emulator => f.write_str("QEMU"),
            Self::Firmware => f.write_str("UEFI firmware"),
            Self::LoaderPvh => f.write_str("loader-pvh"),
            Self::LoaderUefi => f.write_str("loader-uefi"),
            Self::Kernel(package) => write!(f, "the kernel {package}"),
            Self::BenchUser => f.write_str("the kernel bench-user"),
            Self::GuestTest(package) => write!(f, "the test kernel of {package}"),
            Self::Programs => f.write_str("the user programs"),
            Self::HostTests => f.write_str("the host tests"),
            Self::BookBuilder => f.write_str("the book's builder"),
            Self::Book => f.write_str("the book"),
            Self::Browser => f.write_str("the tests for a browser"),
        }
    }
}

impl Need {
    /// Whether it is a kernel that is booted with the user programs.
    fn implies_programs(&self, workspace: &Workspace) -> bool {
        match self {
            Self::Kernel(package) | Self::GuestTest(package) => workspace.takes_programs(package),
            _ => false,
        }
    }
}

/// What was built, or why it was not.
pub struct Bench<'a> {
    pub workspace: &'a Workspace,
    pub toolchain: &'a Toolchain,
    files: BTreeMap<Need, Result<PathBuf, String>>,
    host_tests: Vec<Executable>,
    programs: Vec<Module>,
    /// What was built, and how long it took.
    pub prepared: Vec<(String, Duration)>,
}

impl<'a> Bench<'a> {
    /// Makes sure of everything in `needs`.
    ///
    /// What cannot be built fails only the tests that need it.
    pub fn prepare(
        workspace: &'a Workspace,
        toolchain: &'a Toolchain,
        needs: &BTreeSet<Need>,
    ) -> Result<Self> {
        let mut needs = needs.clone();
        if needs.iter().any(|need| need.implies_programs(workspace)) {
            needs.insert(Need::Programs);
        }
        let mut bench = Self {
            workspace,
            toolchain,
            files: BTreeMap::new(),
            host_tests: Vec::new(),
            programs: Vec::new(),
            prepared: Vec::new(),
        };
        if needs.contains(&Need::Emulator) || needs.contains(&Need::Firmware) {
            setup::emulator(needs.contains(&Need::Firmware))?;
        }
        for need in &needs {
            let start = Instant::now();
            let outcome = match need {
                Need::Emulator | Need::Firmware => continue,
                _ => ui::step(format_args!("building {need}"), || bench.build(need)),
            };
            if crate::process::interrupted() {
                return Err(anyhow!("interrupted"));
            }
            bench.prepared.push((need.to_string(), start.elapsed()));
            bench.files.insert(need.clone(), outcome.map_err(|error| format!("{error:#}")));
        }
        Ok(bench)
    }

    /// A file that was built.
    ///
    /// # Errors
    /// If it could not be.
    pub fn file(&self, need: &Need) -> Result<&Path> {
        match self.files.get(need) {
            Some(Ok(path)) => Ok(path),
            Some(Err(reason)) => Err(anyhow!("{reason}")),
            None => Err(anyhow!("{need} was not built: the test does not declare its need")),
        }
    }

    /// The kernel of a package.
    pub fn kernel(&self, package: &str) -> Result<&Path> {
        self.file(&Need::Kernel(package.to_owned()))
    }

    /// The modules that kernels of `package` are booted with.
    pub fn modules(&self, package: &str) -> Result<&[Module]> {
        if !self.workspace.takes_programs(package) {
            return Ok(&[]);
        }
        self.file(&Need::Programs)?;
        Ok(&self.programs)
    }

    /// The test programs of `package`.
    pub fn host_tests(&self, package: &str) -> Result<Vec<&Executable>> {
        self.file(&Need::HostTests)?;
        Ok(self.host_tests.iter().filter(|test| test.package == package).collect())
    }

    fn build(&mut self, need: &Need) -> Result<PathBuf> {
        let builder = Builder { workspace: self.workspace, toolchain: self.toolchain };
        match need {
            Need::LoaderPvh => builder.loader_pvh(),
            Need::LoaderUefi => builder.loader_uefi(),
            Need::Kernel(package) => builder.kernel(package, Profile::Release),
            Need::BenchUser => builder.bench_user(),
            Need::GuestTest(package) => builder.guest_test(package),
            Need::Programs => {
                self.programs = programs::build(&builder)?;
                Ok(PathBuf::new())
            }
            Need::BookBuilder => Ok(Press::prepare(self.workspace)?.builder),
            Need::Book => book::tested(self.workspace),
            Need::Browser => book::browser::prepare(self.workspace),
            Need::HostTests | Need::Emulator | Need::Firmware => {
                self.host_tests = host_tests(self.workspace)?;
                Ok(PathBuf::new())
            }
        }
    }
}

/// Builds the test programs of all packages with the host's own toolchain.
fn host_tests(workspace: &Workspace) -> Result<Vec<Executable>> {
    let mut command = Toolchain::installed(workspace).cargo(workspace);
    command.args(["test", "--workspace", "--no-run", "--target-dir"]).arg(&workspace.target);
    for exercise in workspace.exercises() {
        command.args(["--exclude", exercise]);
    }
    let mut tests = build::executables(command, "the host tests")?;
    // On the host a test kernel only says how to run it.
    tests.retain(|test| test.is_test && test.target != "guest");
    Ok(tests)
}
