//! Two boot sequences beside each other.

use super::sequence::Step;
use serde::Serialize;
use similar::{Algorithm, DiffOp, capture_diff_slices};
use std::collections::BTreeMap;

/// How the two sides of a row belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Relation {
    /// Both do the same.
    Same,
    /// Both call the same, with other arguments.
    Changed,
    /// The later calls what supersedes the earlier's.
    Superseded,
    /// Only the earlier has it.
    Gone,
    /// Only the later has it.
    New,
}

/// A row: at least one side is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    pub relation: Relation,
    pub left: Option<Step>,
    pub right: Option<Step>,
}

/// Aligns two sequences. `superseded` says by which module a module was replaced.
pub fn align(left: &[Step], right: &[Step], superseded: &BTreeMap<String, String>) -> Vec<Row> {
    let keys = |steps: &[Step]| steps.iter().map(|step| step.key.clone()).collect::<Vec<_>>();
    let mut rows = Vec::new();
    for op in capture_diff_slices(Algorithm::Lcs, &keys(left), &keys(right)) {
        let (old, new) = (&left[op.old_range()], &right[op.new_range()]);
        match op {
            DiffOp::Equal { .. } => {
                rows.extend(old.iter().zip(new).map(|(left, right)| both(left, right)));
            }
            _ => gap(old, new, superseded, &mut rows),
        }
    }
    rows
}

fn both(left: &Step, right: &Step) -> Row {
    let relation =
        if left.arguments == right.arguments { Relation::Same } else { Relation::Changed };
    Row { relation, left: Some(left.clone()), right: Some(right.clone()) }
}

/// Rows of steps that only one side has.
fn gap(old: &[Step], new: &[Step], superseded: &BTreeMap<String, String>, rows: &mut Vec<Row>) {
    let replaces = |new: &Step, old: &Step| {
        let (Some((from, call)), Some((to, other))) =
            (old.key.rsplit_once("::"), new.key.rsplit_once("::"))
        else {
            return false;
        };
        call == other && superseded.get(from).is_some_and(|by| by == to)
    };
    for left in old {
        if !new.iter().any(|right| replaces(right, left)) {
            rows.push(Row { relation: Relation::Gone, left: Some(left.clone()), right: None });
        }
    }
    for right in new {
        let left = old.iter().find(|left| replaces(right, left)).cloned();
        let relation = if left.is_some() { Relation::Superseded } else { Relation::New };
        rows.push(Row { relation, left, right: Some(right.clone()) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(calls: &[(&str, &str)]) -> Vec<Step> {
        let step = |&(key, call): &(&str, &str)| Step {
            function: "kernel_entry".into(),
            line: 1,
            comment: String::new(),
            call: call.into(),
            arguments: call.into(),
            key: key.into(),
        };
        calls.iter().map(step).collect()
    }

    #[test]
    fn steps_are_paired_by_what_they_call() {
        let left = steps(&[
            ("a::serial::init", "serial::init()"),
            ("a::segments::init", "segments::init()"),
            ("a::traps::init", "traps::init(halt)"),
            ("a::old", "old()"),
            ("x.finish", "x.finish()"),
        ]);
        let right = steps(&[
            ("a::serial::init", "serial::init()"),
            ("b::gdt::init", "gdt::init()"),
            ("a::traps::init", "traps::init(contain)"),
            ("b::new", "new()"),
            ("x.finish", "x.finish()"),
        ]);
        let superseded = BTreeMap::from([("a::segments".to_owned(), "b::gdt".to_owned())]);
        let rows = align(&left, &right, &superseded);
        let relations: Vec<Relation> = rows.iter().map(|row| row.relation).collect();
        use Relation::{Changed, Gone, New, Same, Superseded};
        assert_eq!(relations, [Same, Superseded, Changed, Gone, New, Same]);
        let lefts = rows.iter().filter_map(|row| row.left.as_ref()).count();
        let rights = rows.iter().filter_map(|row| row.right.as_ref()).count();
        assert_eq!((lefts, rights), (left.len(), right.len()), "no step is lost");
    }
}
