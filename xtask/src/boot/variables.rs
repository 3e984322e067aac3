//! The firmware's variables between runs.
//!
//! From an empty variable store OVMF first looks at everything that it could boot
//! from and writes it down, which takes a second or two of every boot. So `run`
//! keeps the store of the first boot that completed and starts later ones from a
//! copy of it, as a real machine would. Tests do not: each begins like a machine
//! fresh from the factory.

use crate::qemu::command::Firmware;
use anyhow::{Context, Result};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// Where the variables of one firmware are kept.
pub struct Kept {
    file: PathBuf,
}

impl Kept {
    /// The place below the folder `target` for a firmware program. Another
    /// version of it has another place.
    ///
    /// # Errors
    /// The program cannot be looked at.
    pub fn of(target: &Path, program: &Path) -> Result<Self> {
        let metadata = fs::metadata(program)
            .with_context(|| format!("cannot look at {}", program.display()))?;
        let mut hasher = DefaultHasher::new();
        (program, metadata.len(), metadata.modified().ok()).hash(&mut hasher);
        Ok(Self { file: target.join(format!("uefi-variables-{:016x}.fd", hasher.finish())) })
    }

    /// Puts the kept variables, if there are any, in place of `own`'s.
    ///
    /// # Errors
    /// They cannot be copied.
    pub fn restore(&self, own: &Firmware) -> Result<()> {
        if self.file.is_file() {
            fs::copy(&self.file, &own.variables)
                .with_context(|| format!("cannot copy {}", self.file.display()))?;
        }
        Ok(())
    }

    /// Keeps `own`'s variables, unless some are kept already.
    ///
    /// # Errors
    /// They cannot be copied; nothing is half-written then.
    pub fn keep(&self, own: &Firmware) -> Result<()> {
        if self.file.exists() {
            return Ok(());
        }
        let folder = self.file.parent().context("the target folder has no parent")?;
        let copy = tempfile::NamedTempFile::new_in(folder)?;
        fs::copy(&own.variables, copy.path())?;
        copy.persist(&self.file)
            .with_context(|| format!("cannot write {}", self.file.display()))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_store_is_kept_and_comes_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let code = folder.path().join("code.fd");
        let variables = folder.path().join("variables.fd");
        fs::write(&code, "program").expect("written");
        let own = Firmware { code: code.clone(), variables: variables.clone() };
        let kept = Kept::of(folder.path(), &code).expect("a place");
        for (written, expected) in [("one", "one"), ("two", "one")] {
            fs::write(&variables, written).expect("written");
            kept.keep(&own).expect("kept");
            kept.restore(&own).expect("restored");
            assert_eq!(fs::read_to_string(&variables).expect("read"), expected);
        }
        fs::write(&code, "another version").expect("written");
        let other = Kept::of(folder.path(), &code).expect("a place");
        assert_ne!(other.file, kept.file);
    }
}
