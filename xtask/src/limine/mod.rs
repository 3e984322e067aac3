//! The pinned release of Limine that `setup --limine` fetches, and the cache it
//! goes into. [`fetch`] does the work; [`tool`] is Limine's own installer for BIOS.

pub mod fetch;
pub mod tool;

use anyhow::{Context, Result};
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Names another repository than the project's own, for mirrors and tests. What
/// comes from there must be the pinned release all the same.
pub const REPOSITORY_VARIABLE: &str = "MYRIA_LIMINE_REPOSITORY";

/// Limine's UEFI program.
pub const UEFI_PROGRAM: &str = "BOOTX64.EFI";
/// Its boot sector for CDs.
pub const BIOS_CD: &str = "limine-bios-cd.bin";
/// The rest of it, which its boot sectors load.
pub const BIOS_SYSTEM: &str = "limine-bios.sys";

/// A release in a git repository.
#[derive(Clone, Debug)]
pub struct Release {
    /// What git can fetch from.
    pub repository: OsString,
    /// The tag's name.
    pub tag: &'static str,
    /// The commit that the tag must lead to.
    pub commit: String,
    /// SHA-256 of [`UEFI_PROGRAM`], in hexadecimal.
    pub sha256: String,
}

/// The release that these kernels were tested with.
pub fn pinned() -> Release {
    Release {
        repository: env::var_os(REPOSITORY_VARIABLE)
            .unwrap_or_else(|| "https://github.com/limine-bootloader/limine.git".into()),
        tag: "v8.2.0-binary",
        commit: "1dbdf77f82211c42969c7c5114377436fabc9187".to_owned(),
        sha256: "7bf99f9ffdbce1443bd7f148f01bee47d4a587f58fb170e42dab29790e6d831a".to_owned(),
    }
}

impl Release {
    /// Where it lies in the cache below `caches`.
    pub fn place(&self, caches: &Path) -> PathBuf {
        caches.join(format!("limine-{}", self.tag))
    }
}

/// The folder of this user's caches for the project.
///
/// # Errors
/// The environment names neither a cache folder nor a home.
pub fn caches() -> Result<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // XDG Base Directory Specification: relative paths are to be ignored.
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|folder| folder.join("myria"))
        .context("neither XDG_CACHE_HOME nor HOME names a folder for the cache")
}
