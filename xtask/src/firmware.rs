//! Where this system keeps UEFI firmware for virtual machines, and Limine.

use crate::{
    limine::{self, UEFI_PROGRAM},
    qemu::command::Firmware,
};
use anyhow::{Context, Result, bail};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Firmware as packages install it: program and template of its variables.
const PLACES: [(&str, &str); 7] = [
    // Debian and Ubuntu, `ovmf`
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    // Fedora, `edk2-ovmf`
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    // Arch, `edk2-ovmf`
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    // Homebrew's QEMU brings its own
    ("/opt/homebrew/share/qemu/edk2-x86_64-code.fd", "/opt/homebrew/share/qemu/edk2-i386-vars.fd"),
    ("/usr/local/share/qemu/edk2-x86_64-code.fd", "/usr/local/share/qemu/edk2-i386-vars.fd"),
    ("/usr/share/qemu/edk2-x86_64-code.fd", "/usr/share/qemu/edk2-i386-vars.fd"),
];

const CODE_VARIABLE: &str = "MYRIA_OVMF_CODE";
const VARS_VARIABLE: &str = "MYRIA_OVMF_VARS";
const LIMINE_VARIABLE: &str = "LIMINE_DIR";
const LIMINE_FOLDERS: [&str; 2] = ["/usr/share/limine", "/usr/local/share/limine"];

/// Firmware on this system, with the template of its variables; `None` if there
/// is none.
///
/// # Errors
/// If the environment names files that are not there.
pub fn find() -> Result<Option<Firmware>> {
    match (env::var_os(CODE_VARIABLE), env::var_os(VARS_VARIABLE)) {
        (Some(code), Some(variables)) => {
            let firmware = Firmware { code: code.into(), variables: variables.into() };
            for (name, file) in
                [(CODE_VARIABLE, &firmware.code), (VARS_VARIABLE, &firmware.variables)]
            {
                if !file.is_file() {
                    bail!("{name} names {}, which is no file", file.display());
                }
            }
            Ok(Some(firmware))
        }
        (None, None) => Ok(PLACES
            .iter()
            .find(|(code, variables)| Path::new(code).is_file() && Path::new(variables).is_file())
            .map(|(code, variables)| Firmware { code: code.into(), variables: variables.into() })),
        _ => bail!("{CODE_VARIABLE} and {VARS_VARIABLE} belong together; set both or none"),
    }
}

impl Firmware {
    /// The same firmware with variables of its own in `folder`.
    pub fn with_own_variables(&self, folder: &Path) -> Result<Self> {
        let variables = folder.join("variables.fd");
        fs::copy(&self.variables, &variables)
            .with_context(|| format!("cannot copy {}", self.variables.display()))?;
        // The template may be read-only, its copy must not be.
        let mut permissions = fs::metadata(&variables)?.permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
        fs::set_permissions(&variables, permissions)?;
        Ok(Self { code: self.code.clone(), variables })
    }
}

/// Limine's UEFI program; `None` if this system has none.
///
/// # Errors
/// If `LIMINE_DIR` is set, but names no Limine.
pub fn find_limine() -> Result<Option<PathBuf>> {
    if let Some(folder) = env::var_os(LIMINE_VARIABLE) {
        let program = Path::new(&folder).join(UEFI_PROGRAM);
        if !program.is_file() {
            bail!(
                "{LIMINE_VARIABLE} is {}, where there is no {UEFI_PROGRAM}; set it to the folder \
                 of a Limine binary release, or unset it",
                Path::new(&folder).display()
            );
        }
        return Ok(Some(program));
    }
    let system = LIMINE_FOLDERS.iter().map(PathBuf::from);
    // Without a home there is no cache, and so nothing in it.
    let cached = limine::caches().ok().map(|caches| limine::pinned().place(&caches));
    let mut places = system.chain(cached).map(|folder| folder.join(UEFI_PROGRAM));
    Ok(places.find(|program| program.is_file()))
}

/// Limine's UEFI program.
///
/// # Errors
/// If this system has none.
pub fn limine() -> Result<PathBuf> {
    find_limine()?.with_context(no_limine)
}

/// That [`find_limine`] found nothing, for people.
pub fn no_limine() -> String {
    format!(
        "no Limine was found: {LIMINE_VARIABLE} is not set, {} has none, and `cargo xtask setup \
         --limine` has not fetched one",
        LIMINE_FOLDERS[0]
    )
}
