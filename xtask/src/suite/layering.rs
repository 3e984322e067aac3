//! The dependency rule: dependencies point down only.
//!
//! `m2 → m1 → m0 → shared`; `bench` may use any of them and is used by none;
//! `loader` and `xtask` depend on no milestone, `shared` and
//! `user` on no other package of the workspace, and nobody on `user`.

use crate::{
    measure, programs,
    workspace::{Milestone, Workspace},
};
use cargo_metadata::DependencyKind;

/// Where a package stands. Each may depend on what is listed below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Shared,
    Milestone(u32),
    /// `bench`: measures milestones.
    Bench,
    /// `loader`, `xtask`: tools beside the milestones.
    Beside,
    /// `user`: programs for ring 3, which know the system calls alone.
    Programs,
}

impl Layer {
    fn of(package: &str) -> Self {
        match Milestone::from_package(package) {
            Some((number, _)) => Self::Milestone(number),
            None if package == "shared" => Self::Shared,
            None if package == measure::PACKAGE => Self::Bench,
            None if package == programs::PACKAGE => Self::Programs,
            None => Self::Beside,
        }
    }

    /// Whether a package here may depend on one there.
    fn may_use(self, other: Self) -> bool {
        match (self, other) {
            (Self::Shared | Self::Programs, _) => false,
            (_, Self::Beside | Self::Bench | Self::Programs) => false,
            (_, Self::Shared) => true,
            (Self::Milestone(own), Self::Milestone(below)) => below < own,
            (Self::Bench, Self::Milestone(_)) => true,
            (Self::Beside, Self::Milestone(_)) => false,
        }
    }
}

/// Every dependency that breaks the rule, for people.
pub fn violations(workspace: &Workspace) -> Vec<String> {
    let members = workspace.packages();
    let edges = workspace.metadata.workspace_packages().into_iter().flat_map(|package| {
        package.dependencies.iter().map(|dependency| {
            let kind = match dependency.kind {
                DependencyKind::Development => "dev-dependency",
                DependencyKind::Build => "build-dependency",
                _ => "dependency",
            };
            (package.name.to_string(), dependency.name.clone(), kind)
        })
    });
    // Names outside the workspace are libraries, which anybody may use.
    broken(edges.filter(|(_, to, _)| members.contains(&to.as_str())))
}

fn broken(edges: impl Iterator<Item = (String, String, &'static str)>) -> Vec<String> {
    edges
        .filter(|(from, to, _)| !Layer::of(from).may_use(Layer::of(to)))
        .map(|(from, to, kind)| format!("{from} has the {kind} {to}; dependencies point down only"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: &str, to: &str) -> usize {
        broken([(from.to_owned(), to.to_owned(), "dependency")].into_iter()).len()
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
            ("m2-usermode", "bench"),
            ("xtask", "bench"),
            ("bench", "loader"),
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
