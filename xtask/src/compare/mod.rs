//! What a later milestone has that an earlier one has not.
//!
//! - [`sequence`], [`align`]: the two boots, call by call
//! - [`modules`]: new modules, what they are for, what they supersede
//! - [`dependencies`]: new libraries, and why
//! - [`maps`]: address spaces side by side
//! - [`source`]: the text of the sources, by concept
//! - [`mine`]: an exercise beside its starter or reference
//! - [`columns`], [`text`]: for a terminal
//! - [`html`], [`page`]: for the book and for a projector
//!
//! Transcripts, maps and boot instructions come from the captured files, which the
//! tests keep true; sizes come from the kernels, where there are any.

pub mod align;
pub mod columns;
pub mod dependencies;
pub mod html;
pub mod maps;
pub mod mine;
pub mod modules;
pub mod page;
pub mod sequence;
pub mod source;
pub mod text;

use crate::{
    inspect,
    transcript::{files, normal::normal, record::Part},
    workspace::{Milestone, Workspace},
};
use anyhow::{Context, Result};
use dependencies::Dependency;
use maps::{Map, Pair};
use modules::Module;
use serde::Serialize;
use shared::events::Event;
use similar::{Algorithm, DiffOp, capture_diff_slices};
use std::{collections::BTreeMap, path::PathBuf};

/// Everything that is compared; printed as it is by `--json`.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Of this format; keys and names stay as they are within a version.
    pub version: u32,
    pub left: Side,
    pub right: Side,
    pub sequence: Vec<align::Row>,
    pub modules: Vec<Module>,
    pub superseded: Vec<Superseded>,
    pub dependencies: Vec<NewDependency>,
    pub transcripts: Vec<Lines>,
    pub virtual_memory: Vec<Pair>,
    pub physical_memory: Vec<Pair>,
    /// Of kernels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<Sizes>,
    /// With `--source`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source: Vec<source::Concept>,
}

/// One milestone by itself.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// `m1`
    pub name: String,
    /// What its package says that it is.
    pub description: String,
    pub map: Map,
    /// From the first thing `main.rs` does to the closing lines.
    pub boot_instructions: u64,
    /// Of its kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_in_memory: Option<u64>,
    /// Lines of its own library and `main.rs`, without tests.
    pub lines: usize,
}

/// A module that stands in another's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Superseded {
    pub old: String,
    pub new: String,
    pub sentence: String,
}

/// A dependency that comes in after the earlier milestone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewDependency {
    /// The milestone that brings it in.
    pub milestone: String,
    #[serde(flatten)]
    pub dependency: Dependency,
}

/// A row of the transcripts: at least one side is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lines {
    /// Whether both say the same, but for what the compiler decides.
    pub same: bool,
    pub left: Option<String>,
    pub right: Option<String>,
}

/// A section's size in both kernels; 0 where there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sizes {
    pub name: String,
    pub left: u64,
    pub right: u64,
}

/// The milestones compared, the earlier first, with their kernels if sizes are wanted.
pub struct Subjects<'a> {
    pub workspace: &'a Workspace,
    pub left: (Milestone, Option<PathBuf>),
    pub right: (Milestone, Option<PathBuf>),
}

/// A milestone with the modules of its library.
pub type Sources = (Milestone, Vec<Module>);

impl Comparison {
    /// Compares; `with_source` as well the sources' text.
    pub fn of(subjects: &Subjects, with_source: bool) -> Result<Self> {
        let all = subjects.workspace.milestones();
        let place = |wanted: &Milestone| {
            all.iter().position(|one| one == wanted).context("a milestone of another workspace")
        };
        let (first, last) = (place(&subjects.left.0)?, place(&subjects.right.0)?);
        let (before, added) = (&all[..=first], &all[first + 1..=last]);
        let read = subjects.modules(&all[..=last])?;
        let flat = |read: &[Sources]| read.iter().flat_map(|(_, one)| one.clone()).collect();
        // One that is added may supersede another that is.
        let (known, modules): (Vec<Module>, Vec<Module>) = (flat(&read), flat(&read[first + 1..]));
        modules::check_superseded(&modules, &known)?;
        let superseded = superseded(&modules);
        let by: BTreeMap<String, String> =
            superseded.iter().map(|one| (one.old.clone(), one.new.clone())).collect();

        let (left, left_kernel) = subjects.side(&subjects.left, &read[first].1)?;
        let (right, right_kernel) = subjects.side(&subjects.right, &read[last].1)?;
        let sequence = align::align(
            &sequence::read(&subjects.main(&subjects.left.0))?,
            &sequence::read(&subjects.main(&subjects.right.0))?,
            &by,
        );
        let transcript = |one: &Milestone| subjects.captured(one, Part::Transcript);
        let transcripts = beside(&transcript(&subjects.left.0)?, &transcript(&subjects.right.0)?);
        let source = match with_source {
            true => source::read(subjects, &read[first], &read[first + 1..], &by)?,
            false => Vec::new(),
        };
        Ok(Self {
            version: 1,
            virtual_memory: maps::align(&left.map.virtual_memory, &right.map.virtual_memory),
            physical_memory: maps::merge(&left.map.physical_memory, &right.map.physical_memory),
            sections: left_kernel
                .zip(right_kernel)
                .map(|(one, other)| sizes(&one, &other))
                .unwrap_or_default(),
            dependencies: subjects.dependencies(before, added)?,
            left,
            right,
            sequence,
            modules,
            superseded,
            transcripts,
            source,
        })
    }
}

impl Subjects<'_> {
    fn main(&self, milestone: &Milestone) -> PathBuf {
        self.workspace.folder(&milestone.package).join("src/main.rs")
    }

    fn modules(&self, milestones: &[Milestone]) -> Result<Vec<Sources>> {
        let read = |milestone: &Milestone| {
            let folder = self.workspace.folder(&milestone.package);
            let modules = modules::read(&self.workspace.root, &folder, &milestone.package)?;
            Ok((milestone.clone(), modules))
        };
        milestones.iter().map(read).collect()
    }

    fn captured(&self, milestone: &Milestone, part: Part) -> Result<String> {
        let folder = files::folder(&self.workspace.root);
        files::read(&files::path(&folder, milestone, part))
    }

    fn side(
        &self,
        (milestone, kernel): &(Milestone, Option<PathBuf>),
        own: &[Module],
    ) -> Result<(Side, Option<inspect::Kernel>)> {
        let kernel = kernel.as_deref().map(|file| inspect::read(file, 0)).transpose()?;
        let packages = self.workspace.metadata.workspace_packages();
        let package = packages.iter().find(|one| one.name.as_str() == milestone.package);
        let checks = self.captured(milestone, Part::Checks)?;
        let boot_instructions = checks.lines().find_map(|line| match Event::parse(line) {
            Some(Event::Measure { name: "boot", value, .. }) => Some(value),
            _ => None,
        });
        let main = std::fs::read_to_string(self.main(milestone))?;
        let side = Side {
            name: milestone.name.clone(),
            description: package.and_then(|one| one.description.clone()).unwrap_or_default(),
            map: maps::parse(&self.captured(milestone, Part::Regions)?)?,
            boot_instructions: boot_instructions.context(
                "the captured checks lack what the boot took; `cargo xtask bless --all` renews them",
            )?,
            bytes_in_memory: kernel.as_ref().map(inspect::Kernel::bytes),
            lines: own.iter().map(Module::all_lines).sum::<usize>() + main.lines().count(),
        };
        Ok((side, kernel))
    }

    /// What `added` bring in that `before` do not use.
    fn dependencies(
        &self,
        before: &[Milestone],
        added: &[Milestone],
    ) -> Result<Vec<NewDependency>> {
        let members = self.workspace.packages();
        let read = |milestone: &Milestone| {
            let manifest = self.workspace.folder(&milestone.package).join("Cargo.toml");
            dependencies::read(&manifest, &members)
        };
        let mut known: Vec<String> = Vec::new();
        for milestone in before {
            known.extend(read(milestone)?.into_iter().map(|one| one.name));
        }
        let mut new = Vec::new();
        for milestone in added {
            for dependency in read(milestone)? {
                if !known.contains(&dependency.name) {
                    known.push(dependency.name.clone());
                    new.push(NewDependency { milestone: milestone.name.clone(), dependency });
                }
            }
        }
        Ok(new)
    }
}

fn superseded(modules: &[Module]) -> Vec<Superseded> {
    let of = |module: &Module| {
        let old = module.supersedes.clone()?;
        Some(Superseded { old, new: module.path.clone(), sentence: module.sentence.clone() })
    };
    modules.iter().flat_map(Module::flat).filter_map(of).collect()
}

/// Two texts, lines that say the same beside each other.
fn beside(left: &str, right: &str) -> Vec<Lines> {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let normals = |lines: &[String]| lines.iter().map(|line| normal(line)).collect::<Vec<_>>();
    let (left, right) = (lines(left), lines(right));
    let mut rows = Vec::new();
    for op in capture_diff_slices(Algorithm::Lcs, &normals(&left), &normals(&right)) {
        let (old, new) = (&left[op.old_range()], &right[op.new_range()]);
        let same = matches!(op, DiffOp::Equal { .. });
        // What is not the same still stands in the same order: one beside the other.
        for index in 0..old.len().max(new.len()) {
            let (left, right) = (old.get(index).cloned(), new.get(index).cloned());
            rows.push(Lines { same, left, right });
        }
    }
    rows
}

fn sizes(left: &inspect::Kernel, right: &inspect::Kernel) -> Vec<Sizes> {
    let size = |kernel: &inspect::Kernel, name: &str| {
        kernel.sections.iter().filter(|one| one.name == name).map(|one| one.bytes).sum()
    };
    let mut names: Vec<&str> = Vec::new();
    for section in right.sections.iter().chain(&left.sections) {
        if !names.contains(&section.name.as_str()) {
            names.push(&section.name);
        }
    }
    names
        .into_iter()
        .map(|name| Sizes {
            name: name.to_owned(),
            left: size(left, name),
            right: size(right, name),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transcripts_stand_beside_each_other_by_what_they_say() {
        let rows =
            beside("a\n[   0.1] x: y\nonly left\nend\n", "a\n[   0.2] x: y\nend\nonly right\n");
        let side = |text: &str| Some(text.to_owned());
        assert_eq!(rows.len(), 5);
        assert_eq!(
            rows[1],
            Lines { same: true, left: side("[   0.1] x: y"), right: side("[   0.2] x: y") }
        );
        assert_eq!(rows[2], Lines { same: false, left: side("only left"), right: None });
        assert_eq!(rows[4], Lines { same: false, left: None, right: side("only right") });
    }
}
