//! System packages: which are missing, and how to get them without bothering
//! anybody more than needed.
//!
//! Nobody at the terminal: installed if no password is needed, else the command
//! is told. Somebody there: asked once.

use crate::{
    process::{self, Group, Running},
    qemu::find_in_path,
    ui,
};
use anyhow::{Context, Result, bail};
use std::{
    io::{BufRead, IsTerminal, stderr, stdin},
    process::Command,
    time::Duration,
};

/// How long an installation may take, downloads included.
const INSTALL_LIMIT: Duration = Duration::from_secs(20 * 60);
/// How long asking `sudo` whether it needs a password may take.
const SUDO_LIMIT: Duration = Duration::from_secs(5);

/// Something that a package brings, by the package's name in each family of
/// systems. `None` where it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package {
    apt: &'static str,
    dnf: Option<&'static str>,
    pacman: Option<&'static str>,
}

/// The emulator.
pub const QEMU: Package = Package {
    apt: "qemu-system-x86",
    dnf: Some("qemu-system-x86-core"),
    pacman: Some("qemu-system-x86"),
};
/// UEFI firmware for it.
pub const OVMF: Package =
    Package { apt: "ovmf", dnf: Some("edk2-ovmf"), pacman: Some("edk2-ovmf") };
/// Fetches releases.
pub const GIT: Package = Package { apt: "git", dnf: Some("git"), pacman: Some("git") };
/// Reads and writes CD images; an independent opinion on ours.
pub const XORRISO: Package =
    Package { apt: "xorriso", dnf: Some("xorriso"), pacman: Some("libisoburn") };
/// Reads FAT file systems without mounting them.
pub const MTOOLS: Package = Package { apt: "mtools", dnf: Some("mtools"), pacman: Some("mtools") };
/// The debugger.
pub const GDB: Package = Package { apt: "gdb", dnf: Some("gdb"), pacman: Some("gdb") };
/// A browser to test the book in.
pub const CHROMIUM: Package =
    Package { apt: "chromium", dnf: Some("chromium"), pacman: Some("chromium") };
/// What its tests are written for.
pub const NODE: Package = Package { apt: "nodejs", dnf: Some("nodejs"), pacman: Some("nodejs") };
/// Fetches what they use.
pub const NPM: Package = Package { apt: "npm", dnf: Some("npm"), pacman: Some("npm") };
/// A current compiler in Debian's stable releases.
pub const RUSTC_WEB: Package = Package { apt: "rustc-web", dnf: None, pacman: None };
/// Its cargo.
pub const CARGO_WEB: Package = Package { apt: "cargo-web", dnf: None, pacman: None };
/// The sources of its `core` and `alloc`.
pub const RUST_WEB_SRC: Package = Package { apt: "rust-web-src", dnf: None, pacman: None };
/// Its lints.
pub const RUST_WEB_CLIPPY: Package = Package { apt: "rust-web-clippy", dnf: None, pacman: None };
/// LLVM's linker.
pub const LLD: Package = Package { apt: "lld", dnf: Some("lld"), pacman: Some("lld") };

/// The system's package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manager {
    Apt,
    Dnf,
    Pacman,
}

/// How a command becomes root's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rights {
    /// We are root.
    Root,
    /// `sudo` asks nothing.
    Sudo,
    /// `sudo` will ask the person at the terminal.
    SudoWithPassword,
}

/// Installs `packages`, which are needed for `purpose`.
///
/// # Errors
/// If they cannot be installed here and now; the error says what to type.
pub fn install(packages: &[Package], purpose: &str) -> Result<()> {
    let Some(manager) = Manager::detect() else {
        bail!(
            "{purpose} needs {}, and this system has none of apt-get, dnf and pacman to install \
             it; see `cargo xtask doctor`",
            names(packages, Manager::Apt).unwrap_or_default().join(", ")
        );
    };
    let names = names(packages, manager)
        .with_context(|| format!("{purpose} needs packages that only Debian has"))?;
    let shown = shown(&manager.command(&names));
    let by_hand = format!("{purpose} needs {}; install with: sudo {shown}", names.join(", "));
    let rights = match (is_root(), stdin().is_terminal() && stderr().is_terminal()) {
        (root, true) => {
            if !ask(&format!("{purpose} needs {}. Run `sudo {shown}`?", names.join(", ")))? {
                bail!("{by_hand}");
            }
            if root { Rights::Root } else { Rights::SudoWithPassword }
        }
        (true, false) => Rights::Root,
        (false, false) if sudo_asks_nothing() => Rights::Sudo,
        (false, false) => bail!("{by_hand}"),
    };
    ui::step(format_args!("installing {}", names.join(", ")), || {
        let first = run(rights, &manager.command(&names));
        match (first, manager) {
            // The lists of packages may be old or missing.
            (Err(_), Manager::Apt) if !process::interrupted() => {
                run(rights, &words("apt-get update"))
                    .and_then(|()| run(rights, &manager.command(&names)))
            }
            (outcome, _) => outcome,
        }
        .with_context(|| format!("cannot install {}; try: sudo {shown}", names.join(" ")))
    })
}

/// What to type to install `packages` here.
pub fn hint(packages: &[Package]) -> String {
    let debian = || names(packages, Manager::Apt).unwrap_or_default().join(" ");
    match Manager::detect() {
        None => format!("install {}", debian()),
        Some(manager) => match names(packages, manager) {
            Some(names) => format!("sudo {}", shown(&manager.command(&names))),
            None => format!("only Debian has {}", debian()),
        },
    }
}

/// The packages' names for `manager`; `None` if one does not exist there.
fn names(packages: &[Package], manager: Manager) -> Option<Vec<&'static str>> {
    let name = |package: &Package| match manager {
        Manager::Apt => Some(package.apt),
        Manager::Dnf => package.dnf,
        Manager::Pacman => package.pacman,
    };
    packages.iter().map(name).collect()
}

impl Manager {
    fn detect() -> Option<Self> {
        let managers = [("apt-get", Self::Apt), ("dnf", Self::Dnf), ("pacman", Self::Pacman)];
        let found = managers.into_iter().find(|(program, _)| find_in_path(program).is_some());
        found.map(|(_, manager)| manager)
    }

    /// The command that installs `names`, to be run by root.
    fn command(self, names: &[&str]) -> Vec<String> {
        let mut command = words(match self {
            Self::Apt => "apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=300",
            Self::Dnf => "dnf install --assumeyes --setopt=install_weak_deps=False",
            Self::Pacman => "pacman --sync --noconfirm --needed",
        });
        command.extend(names.iter().map(|&name| name.to_owned()));
        command
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn shown(command: &[String]) -> String {
    command.join(" ")
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn sudo_asks_nothing() -> bool {
    let mut probe = Command::new("sudo");
    probe.args(["-n", "true"]);
    // No sudo at all is an answer as well.
    process::capture(&mut probe, SUDO_LIMIT).is_ok_and(|finished| finished.success())
}

/// Asks a question that Enter answers with yes.
fn ask(question: &str) -> Result<bool> {
    eprint!("{question} [Y/n] ");
    let mut answer = String::new();
    let read = stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
    let answer = answer.trim().to_ascii_lowercase();
    Ok(read > 0 && matches!(answer.as_str(), "" | "y" | "yes"))
}

/// Runs a command as root. Its output is shown only if it fails.
fn run(rights: Rights, command: &[String]) -> Result<()> {
    let mut line = match rights {
        Rights::Root => Vec::new(),
        Rights::Sudo => words("sudo -n"),
        Rights::SudoWithPassword => words("sudo"),
    };
    line.extend(words("env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8"));
    line.extend_from_slice(command);
    let mut call = Command::new(&line[0]);
    call.args(&line[1..]);
    if rights == Rights::SudoWithPassword {
        let mut running = Running::start(&mut call, Group::Shared)?;
        let status = running.wait()?;
        anyhow::ensure!(status.success(), "{} failed", command[0]);
        return Ok(());
    }
    // In our group: on Ctrl-C the package manager gets to put its files in order.
    let finished = process::capture_in(&mut call, INSTALL_LIMIT, Group::Shared)?;
    if !finished.success() {
        let last = finished.stderr.lines().rfind(|line| !line.trim().is_empty());
        bail!("{} failed: {}", command[0], last.unwrap_or("it gave no reason"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_not_interactive() {
        let apt = names(&[QEMU, OVMF], Manager::Apt).expect("both exist");
        assert_eq!(
            shown(&Manager::Apt.command(&apt)),
            "apt-get install --yes --no-install-recommends -o DPkg::Lock::Timeout=300 qemu-system-x86 \
             ovmf"
        );
        let pacman = names(&[OVMF], Manager::Pacman).expect("it exists");
        assert_eq!(
            shown(&Manager::Pacman.command(&pacman)),
            "pacman --sync --noconfirm --needed edk2-ovmf"
        );
    }

    #[test]
    fn a_package_that_a_system_lacks_is_not_guessed() {
        assert_eq!(names(&[QEMU, RUSTC_WEB], Manager::Dnf), None);
    }
}
