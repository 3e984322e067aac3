//! Files that are there whole or not at all, however a run ends.

use anyhow::{Context, Result};
use std::{fs::Permissions, io::Write, os::unix::fs::PermissionsExt, path::Path};

/// Puts a file with these contents in place.
pub fn write(path: &Path, contents: &str) -> Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".grade-")
        // As any other program would make it; the umask applies.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .with_context(cannot)?;
    file.write_all(contents.as_bytes()).with_context(cannot)?;
    file.persist(path).with_context(cannot)?;
    Ok(())
}
