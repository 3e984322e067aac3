//! The workspace as cargo sees it: where it lies, its packages, and which of
//! them are milestones.

use crate::exercises;
use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand, semver::Version};
use std::path::PathBuf;

/// The workspace.
pub struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub root: PathBuf,
    /// Cargo's target directory (`CARGO_TARGET_DIR` respected).
    pub target: PathBuf,
    /// What `cargo metadata` says of the members.
    pub metadata: Metadata,
}

/// One bootable step of the course.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Milestone {
    /// What people type: `m2`.
    pub name: String,
    /// The package and its binary: `m2-usermode`.
    pub package: String,
}

impl Workspace {
    /// Asks cargo about the workspace that xtask belongs to.
    pub fn load() -> Result<Self> {
        // `cargo run` says where the package lies now; without it, where it lay
        // when it was built.
        let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let package = package
            .filter(|folder| folder.ends_with("xtask"))
            .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        let manifest = package.with_file_name("Cargo.toml");
        let metadata = MetadataCommand::new()
            .manifest_path(manifest)
            .no_deps()
            .exec()
            .context("cannot read the workspace with `cargo metadata`")?;
        Ok(Self {
            root: metadata.workspace_root.clone().into(),
            target: metadata.target_directory.clone().into(),
            metadata,
        })
    }

    /// Refuses a compiler release that is older than `rust-version`.
    pub fn check_compiler(&self, release: &str) -> Result<()> {
        let release: Version =
            release.parse().with_context(|| format!("`{release}` is no version"))?;
        let packages = self.metadata.workspace_packages();
        let wanted = packages.iter().filter_map(|package| package.rust_version.as_ref()).max();
        match wanted {
            Some(wanted) if release < *wanted => bail!("it is {release}; {wanted} is needed"),
            _ => Ok(()),
        }
    }

    /// The names of all members but the exercises, sorted.
    pub fn packages(&self) -> Vec<&str> {
        self.names(|exercise| !exercise)
    }

    /// The names of the exercises' packages, sorted.
    pub fn exercises(&self) -> Vec<&str> {
        self.names(|exercise| exercise)
    }

    fn names(&self, wanted: impl Fn(bool) -> bool) -> Vec<&str> {
        let exercises = self.root.join(exercises::FOLDER);
        let members = self.metadata.workspace_packages();
        let mut names: Vec<_> = members
            .iter()
            .filter(|package| {
                let below = package.manifest_path.starts_with(&exercises);
                wanted(below && package.name.as_str() != exercises::HARNESS)
            })
            .map(|package| package.name.as_str())
            .collect();
        names.sort_unstable();
        names
    }

    /// Where a member lies.
    pub fn folder(&self, package: &str) -> PathBuf {
        let packages = self.metadata.workspace_packages();
        let found = packages.iter().find(|one| one.name.as_str() == package);
        let folder = found.and_then(|one| one.manifest_path.parent());
        folder.map_or_else(|| self.root.join(package), |folder| folder.into())
    }

    /// Whether kernels of `package` are booted with the user programs: its manifest
    /// says so by `programs = true` below `[package.metadata.myria]`.
    pub fn takes_programs(&self, package: &str) -> bool {
        let packages = self.metadata.workspace_packages();
        let found = packages.iter().find(|one| one.name.as_str() == package);
        found.is_some_and(|one| one.metadata["myria"]["programs"] == true)
    }

    /// Whether the kernel of `package` has a console to monitor it by: its manifest
    /// says so by `console = true` below `[package.metadata.myria]`.
    pub fn has_console(&self, package: &str) -> bool {
        let packages = self.metadata.workspace_packages();
        let found = packages.iter().find(|one| one.name.as_str() == package);
        found.is_some_and(|one| one.metadata["myria"]["console"] == true)
    }

    /// All milestones, in the order of the course.
    pub fn milestones(&self) -> Vec<Milestone> {
        let mut found: Vec<(u32, Milestone)> =
            self.packages().into_iter().filter_map(Milestone::from_package).collect();
        found.sort_by_key(|(number, _)| *number);
        found.into_iter().map(|(_, milestone)| milestone).collect()
    }

    /// The milestone that people call `name`.
    ///
    /// # Errors
    /// If there is none; the error lists those there are.
    pub fn milestone(&self, name: &str) -> Result<Milestone> {
        let all = self.milestones();
        if let Some(found) = all.iter().find(|one| one.name == name || one.package == name) {
            return Ok(found.clone());
        }
        let names: Vec<_> = all.iter().map(|one| one.name.as_str()).collect();
        bail!("there is no milestone `{name}`; there are {}", names.join(", "))
    }
}

impl Milestone {
    /// What a boot loader calls it.
    pub fn title(&self) -> String {
        format!("Myria {}", self.name)
    }

    /// The milestone's number and itself, if the package's name is `m<digits>-…`.
    pub fn from_package(package: &str) -> Option<(u32, Self)> {
        let (name, rest) = package.split_once('-')?;
        let number = name.strip_prefix('m')?.parse().ok()?;
        let wanted = !rest.is_empty() && format!("m{number}") == name;
        wanted.then(|| (number, Self { name: name.to_owned(), package: package.to_owned() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milestones_are_recognised_by_name() {
        let (number, found) = Milestone::from_package("m12-disk").expect("a milestone");
        assert_eq!((number, found.name.as_str()), (12, "m12"));
        for other in ["shared", "xtask", "m-boot", "m1", "mx-boot", "m1-", "m01-boot", "m+1-boot"] {
            assert_eq!(Milestone::from_package(other), None, "{other}");
        }
    }
}
