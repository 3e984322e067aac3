//! The dependency rule: dependencies point down only.
//!
//! `m2 → m1 → m0 → shared`; `bench` may use any of them and is used by none;
//! the exercises' `harness` and the `book-builder` stand beside it, and an exercise may use the harness and, in
//! its checks only, milestones up to its own;
//! `loader` and `xtask` depend on no milestone, `shared` and
//! `user` on no other package of the workspace, and nobody on `user`.

use crate::{
    book, exercises, measure, programs,
    workspace::{Milestone, Workspace},
};
use cargo_metadata::DependencyKind;

/// Where a package stands. Each may depend on what is listed below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Shared,
    Milestone(u32),
    /// An exercise for that milestone.
    Exercise(u32),
    /// `harness`: brings milestones up for the checks of exercises.
    Harness,
    /// `bench`: measures milestones.
    Bench,
    /// `book-builder`: its traces and cases come from the milestones' own code.
    Book,
    /// `loader`, `xtask`: tools beside the milestones.
    Beside,
    /// `user`: programs for ring 3, which know the system calls alone.
    Programs,
}

impl Layer {
    fn of(package: &str, exercises: &[&str]) -> Self {
        match Milestone::from_package(package) {
            Some((number, _)) if exercises.contains(&package) => Self::Exercise(number),
            Some((number, _)) => Self::Milestone(number),
            None if package == "shared" => Self::Shared,
            None if package == measure::PACKAGE => Self::Bench,
            None if package == exercises::HARNESS => Self::Harness,
            None if package == book::BUILDER => Self::Book,
            None if package == programs::PACKAGE => Self::Programs,
            None => Self::Beside,
        }
    }

    /// Whether a package here may depend on one there.
    fn may_use(self, other: Self, kind: DependencyKind) -> bool {
        match (self, other) {
            (_, Self::Exercise(_)) => false,
            // What a learner could call would be no exercise.
            (Self::Exercise(own), Self::Milestone(below)) => {
                kind == DependencyKind::Development && below <= own
            }
            (Self::Exercise(_), Self::Harness) => kind == DependencyKind::Development,
            (Self::Shared | Self::Programs, _) => false,
            (_, Self::Beside | Self::Bench | Self::Harness | Self::Book | Self::Programs) => false,
            (_, Self::Shared) => true,
            (Self::Milestone(own), Self::Milestone(below)) => below < own,
            (Self::Bench | Self::Harness | Self::Book, Self::Milestone(_)) => true,
            (Self::Beside, Self::Milestone(_)) => false,
        }
    }
}

/// Every dependency that breaks the rule, for people.
pub fn violations(workspace: &Workspace) -> Vec<String> {
    let exercises = workspace.exercises();
    let members = [workspace.packages(), exercises.clone()].concat();
    let edges = workspace.metadata.workspace_packages().into_iter().flat_map(|package| {
        package
            .dependencies
            .iter()
            .map(|dependency| (package.name.to_string(), dependency.name.clone(), dependency.kind))
    });
    // Names outside the workspace are libraries, which anybody may use.
    broken(edges.filter(|(_, to, _)| members.contains(&to.as_str())), &exercises)
}

fn broken(
    edges: impl Iterator<Item = (String, String, DependencyKind)>,
    exercises: &[&str],
) -> Vec<String> {
    let layer = |package: &str| Layer::of(package, exercises);
    edges
        .filter(|(from, to, kind)| !layer(from).may_use(layer(to), *kind))
        .map(|(from, to, kind)| {
            let kind = match kind {
                DependencyKind::Development => "dev-dependency",
                DependencyKind::Build => "build-dependency",
                _ => "dependency",
            };
            format!("{from} has the {kind} {to}; dependencies point down only")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: &str, to: &str) -> usize {
        check_kind(from, to, DependencyKind::Normal)
    }

    fn check_kind(from: &str, to: &str, kind: DependencyKind) -> usize {
        let exercises = ["m0-idt-gate", "m1-frame-math"];
        broken([(from.to_owned(), to.to_owned(), kind)].into_iter(), &exercises).len()
    }

    #[test]
    fn checks_may_use_what_learners_must_not() {
        for to in ["harness", "m0-boot"] {
            assert_eq!(check_kind("m0-idt-gate", to, DependencyKind::Development), 0, "{to}");
            assert_eq!(check_kind("m0-idt-gate", to, DependencyKind::Normal), 1, "{to}");
        }
        assert_eq!(check_kind("m0-idt-gate", "m1-memory", DependencyKind::Development), 1);
        assert_eq!(check_kind("m1-frame-math", "m0-idt-gate", DependencyKind::Development), 1);
    }

    #[test]
    fn the_design_is_allowed() {
        for (from, to) in [
            ("m0-boot", "shared"),
            ("m1-memory", "m0-boot"),
            ("m2-usermode", "m0-boot"),
            ("m2-usermode", "m1-memory"),
            ("bench", "m1-memory"),
            ("bench", "shared"),
            ("harness", "m2-usermode"),
            ("book-builder", "m2-usermode"),
            ("book-builder", "shared"),
            ("loader", "shared"),
            ("xtask", "shared"),
        ] {
            assert_eq!(check(from, to), 0, "{from} → {to}");
        }
    }

    #[test]
    fn planted_violations_are_caught() {
        for (from, to) in [
            ("m0-boot", "m1-memory"),
            ("m1-memory", "m1-memory"),
            ("shared", "m0-boot"),
            ("shared", "xtask"),
            ("loader", "m0-boot"),
            ("xtask", "m2-usermode"),
            ("xtask", "loader"),
            ("m0-boot", "harness"),
            ("m2-usermode", "bench"),
            ("xtask", "bench"),
            ("bench", "loader"),
            ("xtask", "book-builder"),
            ("m0-boot", "book-builder"),
            ("book-builder", "xtask"),
            ("book-builder", "harness"),
            ("user", "shared"),
            ("user", "m2-usermode"),
            ("m2-usermode", "user"),
            ("m0-boot", "loader"),
        ] {
            assert_eq!(check(from, to), 1, "{from} → {to}");
        }
    }

    #[test]
    fn this_workspace_obeys() {
        let workspace = Workspace::load().expect("a workspace");
        assert_eq!(violations(&workspace), Vec::<String>::new());
    }
}
