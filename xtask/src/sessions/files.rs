//! The checked-in files, `book/captured/sessions/NAME.txt`; between their anchors the
//! command behind `$ ` and what is kept of its output.

use super::{Session, normal};
use crate::transcript::{
    drift,
    files::{self, Tools},
    normal::is_firmwares,
};
use anyhow::{Context, Result};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// The folder, below that of all captured files.
const FOLDER: &str = "sessions";

/// The file of a session, below the workspace's root.
pub fn path(root: &Path, name: &str) -> PathBuf {
    files::folder(root).join(FOLDER).join(format!("{name}.txt"))
}

/// Writes what was recorded of a session, with the tools if it boots something.
pub fn write(path: &Path, session: &Session, text: &str, tools: Option<&Tools>) -> Result<()> {
    let Session { name, file, .. } = session;
    let mut heading =
        format!("# The session `{name}` of {file}. Written by `cargo xtask bless`.\n");
    if let Some(Tools { compiler, emulator }) = tools {
        heading += &format!(
            "# Compiled by {compiler}. Addresses, times and other figures are those of one run;\n\
             # `cargo xtask test transcripts` compares all the rest. Booted by our loader in {emulator}:\n"
        );
    }
    files::write_body(path, &heading, text)
}

/// All differences between a session's file and what was recorded now.
///
/// # Errors
/// If the file cannot be read.
pub fn drifted(
    path: &Path,
    session: &Session,
    now: &str,
    tools: Option<&Tools>,
) -> Result<Option<String>> {
    let captured = files::read(path)?;
    let then = files::tools(path);
    let is_other = |part: fn(&Tools) -> &String| match (&then, tools) {
        (Some(then), Some(now)) => part(then) != part(now),
        _ => false,
    };
    let other_emulator = is_other(|tools| &tools.emulator);
    let other_compiler = is_other(|tools| &tools.compiler);
    let is_compared = |line: &&str| {
        !(other_emulator && is_firmwares(line) || other_compiler && normal::is_of_calls(line))
    };
    let old: Vec<&str> = captured.lines().filter(is_compared).collect();
    let new: Vec<&str> = now.lines().filter(is_compared).collect();
    let normals = |lines: &[&str]| -> Vec<String> {
        lines.iter().map(|line| normal::of(line, session.figures)).collect()
    };
    let name = format!("{FOLDER}/{}.txt", session.name);
    Ok(drift::shown(&name, &old, &new, &normals(&old), &normals(&new)))
}

/// Files that no session has any more.
pub fn left_over(root: &Path, sessions: &[Session]) -> Result<Vec<PathBuf>> {
    let folder = files::folder(root).join(FOLDER);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let cannot = || format!("cannot read {}", folder.display());
    let known: BTreeSet<PathBuf> = sessions.iter().map(|one| path(root, &one.name)).collect();
    let mut found = Vec::new();
    for entry in folder.read_dir().with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if !known.contains(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::schema;

    fn session() -> Session {
        let text = "[one]\ncommand = \"cargo xtask run m0\"\n";
        schema::read("book/sessions/x.toml", text).expect("read").remove(0)
    }

    #[test]
    fn what_is_written_is_compared() {
        let root = tempfile::tempdir().expect("a folder");
        let path = path(root.path(), "one");
        let tools = Tools { compiler: "rustc 1.2.3".into(), emulator: "QEMU 4.5".into() };
        let text = "$ cargo xtask run m0\na\n    called from x\ncomplete (0.31 s)\n";
        write(&path, &session(), text, Some(&tools)).expect("written");
        let drifted = |now: &str, tools: &Tools| {
            drifted(&path, &session(), now, Some(tools)).expect("a file")
        };
        assert_eq!(drifted(&text.replace("0.31", "9.99"), &tools), None);
        let diff = drifted(&text.replace("a\n", "b\n"), &tools).expect("drift");
        assert!(diff.contains("-a\n+b\n"), "{diff}");
        let inlined = text.replace("called from x", "called from y");
        assert!(drifted(&inlined, &tools).is_some());
        let newer = Tools { compiler: "rustc 1.2.4".into(), ..tools.clone() };
        assert_eq!(drifted(&inlined, &newer), None);
        assert_eq!(left_over(root.path(), &[session()]).expect("a folder"), Vec::<PathBuf>::new());
        assert_eq!(left_over(root.path(), &[]).expect("a folder"), [path]);
    }
}
