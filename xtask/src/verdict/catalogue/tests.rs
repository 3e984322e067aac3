//! The catalogue as a whole: well-formed, proven, and told apart.

use super::{Catalogue, condition::Idt, evidence::Evidence, place::Place};
use crate::{
    suite::{case_files, loader_refusals, refusals},
    verdict::kind::Kind,
    workspace::Workspace,
};
use std::collections::{BTreeSet, HashSet};

/// The entries that the cases of all test kernels and the refusals name.
fn proven() -> BTreeSet<String> {
    let mut proven = BTreeSet::new();
    let workspace = Workspace::load().expect("the workspace");
    for package in workspace.packages() {
        let cases = case_files::read(&workspace, package).expect("good cases");
        proven.extend(cases.into_iter().filter_map(|case| case.catalogue));
    }
    proven.extend(refusals::explained().map(str::to_owned));
    proven.extend(loader_refusals::explained().map(str::to_owned));
    proven
}

#[test]
fn every_entry_is_proven_by_a_kernel() {
    let proven = proven();
    let unproven: Vec<&str> = Catalogue::get().ids().filter(|&id| !proven.contains(id)).collect();
    assert!(unproven.is_empty(), "no kernel proves {unproven:?}");
    assert!(Catalogue::get().ids().count() >= 30);
}

#[test]
fn every_proof_names_an_entry() {
    for id in proven() {
        assert!(Catalogue::get().entry(&id).is_some(), "there is no entry `{id}`");
    }
}

#[test]
fn entries_are_complete_and_told_apart_by_id() {
    let catalogue = Catalogue::get();
    let mut ids = HashSet::new();
    for entry in &catalogue.entries {
        let id = &entry.id;
        assert!(ids.insert(id), "two entries are called {id}");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(id.chars().all(plain), "{id}");
        assert!(crate::chapters::exists(&entry.chapter), "{id}: no such chapter");
        assert!(!entry.title.is_empty() && !entry.manual.is_empty(), "{id}");
        for text in [&entry.explanation, &entry.check_first] {
            assert!(text.ends_with('.') && text.len() > 20, "{id}: `{text}` is no sentence");
        }
    }
}

#[test]
fn a_mistake_in_the_file_is_told_with_its_line() {
    let text = super::TEXT.replacen("verdict = \"exception\", vector = 0", "verdict = \"boom\"", 1);
    let error = Catalogue::parse(&text).expect_err("a mistake").to_string();
    assert!(error.contains("TOML parse error at line") && error.contains("boom"), "{error}");
}

fn found(evidence: &Evidence) -> &'static str {
    Catalogue::get().find(evidence).map_or("", |entry| entry.id.as_str())
}

/// A page fault in ring 0.
fn page_fault(code: u64, address: &[Place]) -> Evidence {
    let mut evidence = Evidence::of(Kind::Exception);
    (evidence.vector, evidence.code, evidence.ring) = (Some(14), code, Some(0));
    evidence.address = address.to_vec();
    evidence
}

#[test]
fn the_most_specific_entry_wins() {
    let user = [Place::User];
    let null = [Place::Null];
    assert_eq!(found(&page_fault(0x2, &[Place::Unused])), "pf-not-present");
    assert_eq!(found(&page_fault(0x0, &null)), "pf-null");
    assert_eq!(found(&page_fault(0x10, &null)), "pf-null-call");
    assert_eq!(found(&page_fault(0x0, &user)), "pf-user-address");
    assert_eq!(found(&page_fault(0x1, &user)), "pf-smap");
    assert_eq!(found(&page_fault(0x3, &user)), "pf-smap");
    assert_eq!(found(&page_fault(0x11, &user)), "pf-smep");
    assert_eq!(found(&page_fault(0x11, &[Place::Heap])), "pf-no-execute");
    assert_eq!(found(&page_fault(0x3, &[Place::KernelText])), "pf-write-to-image");
    assert_eq!(found(&page_fault(0x3, &[Place::DirectMap])), "pf-read-only");
    assert_eq!(found(&page_fault(0x9, &[Place::Heap])), "pf-reserved-bit");
    assert_eq!(found(&page_fault(0x2, &[Place::Stacks, Place::Guard])), "pf-guard-page");
}

#[test]
fn a_triple_fault_goes_by_what_the_idt_was() {
    let mut evidence = Evidence::of(Kind::TripleFault);
    evidence.output = true;
    assert_eq!(found(&evidence), "triple-fault");
    evidence.idt = Some(Idt::None);
    assert_eq!(found(&evidence), "triple-no-idt");
    evidence.output = false;
    assert_eq!(found(&evidence), "triple-before-serial");
    evidence.output = true;
    (evidence.idt, evidence.met) = (Some(Idt::Loaded), Some(11));
    assert_eq!(found(&evidence), "triple-bad-idt");
}

#[test]
fn a_completed_run_needs_no_explanation() {
    assert_eq!(found(&Evidence::of(Kind::Complete)), "");
}
