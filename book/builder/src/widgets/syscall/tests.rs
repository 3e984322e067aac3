//! The recorded states against the kernel's own types, and notes that do not fit.

use super::frame::FIELDS;
use super::notes::{Note, fit};
use super::source::{Line, Source};
use super::word::after_subtraction;
use super::*;
use m2_usermode::syscall::entry::SyscallFrame;
use std::path::PathBuf;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn runs() -> [Vec<Value>; 2] {
    let data = data(&root()).expect("the stepper's data");
    [0, 1].map(|run| data["runs"][run]["steps"].as_array().expect("steps").clone())
}

fn at<'a>(steps: &'a [Value], text: &str) -> &'a Value {
    steps
        .iter()
        .find(|step| step["text"].as_str().is_some_and(|own| own.starts_with(text)))
        .expect(text)
}

#[test]
fn the_stack_at_the_call_is_a_frame_of_the_program_s_registers() {
    for steps in runs() {
        let (first, call) = (&steps[0]["registers"], at(&steps, "call"));
        let after = &steps[1]["registers"];
        let cells = call["stack"].as_array().expect("cells");
        assert_eq!(
            cells.len() * 8,
            size_of::<SyscallFrame>() + 8,
            "the frame and a return address"
        );
        for (name, offset) in FIELDS {
            let place = (size_of::<SyscallFrame>() - offset) / 8 - 1;
            assert_eq!(cells[place]["name"], name, "cell {place} from the top");
            let wanted = match name {
                "rip" => &after["rcx"],
                "rflags" => &after["r11"],
                other => &first[other],
            };
            assert_eq!(&cells[place]["value"], wanted, "{name}");
        }
    }
}

#[test]
fn the_program_gets_its_registers_back() {
    let [steps, _] = runs();
    let (before, after) = (&steps[0]["registers"], &at(&steps, "sysretq")["registers"]);
    for name in ["rdi", "rsi", "rdx", "r10", "r8", "r9", "rsp", "rflags", "cs", "ss", "gs base"] {
        assert_eq!(before[name], after[name], "{name}");
    }
    assert_eq!(after["rax"], after["rdx"], "all bytes are written");
    assert_eq!((&after["rip"], &after["r11"]), (&after["rcx"], &before["rflags"]));
    assert_eq!(steps.last().expect("a step")["ring"], 3);
}

#[test]
fn the_call_at_the_hole_never_leaves_ring_0() {
    let [_, steps] = runs();
    assert_eq!(steps[1]["registers"]["rcx"], "0x800000000000");
    assert!(steps[1..].iter().all(|step| step["ring"] == 0));
    assert!(steps.iter().all(|step| step["text"] != "sysretq" && step["text"] != "ret"));
    let last = &steps.last().expect("a step")["text"];
    assert!(last.as_str().is_some_and(|text| text.starts_with("process::end_current")), "{last}");
}

#[test]
fn every_instruction_of_the_entry_is_a_step_with_a_text() {
    let source = source::read(&root()).expect("the sources");
    let [steps, _] = runs();
    let lines: Vec<u64> = steps.iter().filter_map(|step| step["line"].as_u64()).collect();
    for line in &source.entry {
        assert!(lines.contains(&(line.line as u64)), "entry.rs:{} is no step", line.line);
    }
    let long = |step: &Value, what: &str| step[what].as_str().is_some_and(|text| text.len() > 15);
    assert!(steps.iter().all(|step| long(step, "why")));
    // The program's own instructions at the ends guard nothing.
    assert!(steps[1..steps.len() - 1].iter().all(|step| long(step, "without")));
}

#[test]
fn an_entry_that_breaks_a_rule_is_refused() {
    let refused = |change: &dyn Fn(&mut Source)| {
        let mut source = source::read(&root()).expect("the sources");
        let notes = notes::read(&root(), &source).expect("notes that fit");
        change(&mut source);
        runs::write(&source, &notes).err().map(|error| format!("{error:#}")).unwrap_or_default()
    };
    let without = |text: &'static str| {
        refused(&move |source| {
            let place = source.entry.iter().position(|line| line.text == text).expect(text);
            source.entry[place].text = "cli".into();
        })
    };
    assert_eq!(refused(&|_| {}), "");
    assert!(without("swapgs").contains("with the program's GS base"));
    assert!(without("mov rsp, gs:[{kernel_rsp}]").contains("not in the kernel's stack"));
    assert!(without("push r9").contains("the frame's"));
    assert!(without("pop r11").contains("holds anything"), "{}", without("pop r11"));
    let late = refused(&|source| {
        let place = source.entry.iter().rposition(|line| line.text == "cli").expect("cli");
        source.entry[place].text = "sti".into();
    });
    assert!(late.contains("interrupts are on after `pop rsp`"), "{late}");
    let mask =
        refused(&|source| source.mask.remove(x86_64::registers::rflags::RFlags::INTERRUPT_FLAG));
    assert!(mask.contains("interrupts are on after `syscall`"), "{mask}");
}

#[test]
fn notes_and_instructions_fit_one_to_one() {
    let line = |text: &str| Line { line: 7, text: text.into() };
    let note = |text: &str| Note {
        text: text.into(),
        why: String::new(),
        without: String::new(),
        hole: None,
    };
    let told =
        |lines: &[Line], notes: &[Note]| fit(lines, notes).map_err(|error| error.to_string());
    assert_eq!(told(&[line("cli")], &[note("cli")]), Ok(()));
    let wrong = told(&[line("cli")], &[note("sti")]).expect_err("another instruction");
    assert!(wrong.contains(":7 has `cli` where") && wrong.contains("`sti`"), "{wrong}");
    assert!(told(&[line("cli")], &[]).expect_err("no note").contains("no note for `cli`"));
    assert!(told(&[], &[note("cli")]).expect_err("no line").contains("has no `cli`"));
}

#[test]
fn flags_are_those_of_a_subtraction() {
    assert_eq!(after_subtraction(5, 5), 0x46, "ZF, PF");
    assert_eq!(after_subtraction(0, 1), 0x97, "SF, AF, PF, CF");
    assert_eq!(after_subtraction(1 << 63, 1), 0x816, "OF, AF, PF");
}
