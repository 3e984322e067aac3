//! What a milestone's crate depends on, and why: the reason is the comment beside
//! the dependency in its `Cargo.toml`.

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use std::path::Path;
use toml::de::DeTable;

/// A library from outside the workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dependency {
    pub name: String,
    /// What it is used for.
    pub reason: String,
}

/// The dependencies in `manifest` that are not among `members`.
///
/// # Errors
/// If one has no reason.
pub fn read(manifest: &Path, members: &[&str]) -> Result<Vec<Dependency>> {
    let text = std::fs::read_to_string(manifest)
        .with_context(|| format!("cannot read {}", manifest.display()))?;
    parse(&text, members).with_context(|| manifest.display().to_string())
}

fn parse(text: &str, members: &[&str]) -> Result<Vec<Dependency>> {
    let table = DeTable::parse(text).map_err(|error| anyhow::anyhow!("{}", error.message()))?;
    let Some(dependencies) = table.get_ref().get("dependencies") else { return Ok(Vec::new()) };
    let dependencies = dependencies.get_ref().as_table().context("[dependencies] is no table")?;
    let mut found: Vec<(usize, Dependency)> = Vec::new();
    for name in dependencies.keys() {
        let (at, name) = (name.span().start, name.get_ref().to_string());
        if members.contains(&name.as_str()) {
            continue;
        }
        let reason = reason(text, at);
        ensure!(
            !reason.is_empty(),
            "nothing says what `{name}` is for; write it in a comment above the line"
        );
        found.push((at, Dependency { name, reason }));
    }
    found.sort_by_key(|(at, _)| *at);
    Ok(found.into_iter().map(|(_, dependency)| dependency).collect())
}

/// The comment lines right above the line that holds `at`.
fn reason(text: &str, at: usize) -> String {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let above = text[..start].lines().rev().map_while(|line| line.trim().strip_prefix('#'));
    let mut lines: Vec<&str> = above.map(str::trim).collect();
    lines.reverse();
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    #[test]
    fn the_reason_stands_above() {
        let text = "[package]\nname = \"x\"\n[dependencies]\n# Named bits\n# of registers.\n\
                    bitflags.workspace = true\nshared.workspace = true\n# A lock.\n\
                    spin = { version = \"1\" }\n[dev-dependencies]\nproptest = \"1\"\n";
        let found = parse(text, &["shared"]).expect("reasons");
        let pairs: Vec<(&str, &str)> =
            found.iter().map(|one| (one.name.as_str(), one.reason.as_str())).collect();
        assert_eq!(pairs, [("bitflags", "Named bits of registers."), ("spin", "A lock.")]);
    }

    #[test]
    fn a_dependency_without_a_reason_is_refused() {
        let text = "[dependencies]\n# A lock.\nspin = \"1\"\nlog = \"1\"\n";
        let error = parse(text, &[]).expect_err("no reason");
        assert!(error.to_string().contains("`log`"), "{error}");
    }

    #[test]
    fn every_milestone_says_what_its_dependencies_are_for() {
        let workspace = Workspace::load().expect("a workspace");
        for milestone in workspace.milestones() {
            let manifest = workspace.folder(&milestone.package).join("Cargo.toml");
            let found = read(&manifest, &workspace.packages()).expect("reasons");
            assert!(!found.is_empty(), "{} uses libraries", milestone.name);
        }
    }
}
