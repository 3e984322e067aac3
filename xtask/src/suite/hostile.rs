//! Learners' files that went astray or mean harm: each is a verdict on itself alone, in
//! bounded time, that says what happened; what is graded next is graded right.

use super::{
    Test,
    bench::{Bench, Need},
};
use crate::{
    exercises::{
        self, Exercise, feedback,
        grader::{Grader, fresh_seed},
        outcome::Graded,
        stage::Stage,
    },
    workspace::Workspace,
};
use anyhow::{Context, Result, ensure};
use std::{fs, sync::Arc};

/// The exercise that is done badly.
const ID: &str = "m0-idt-gate";
/// Where its solution begins to compute.
const BODY: &str = "dpl: u8) -> Self {\n";
const ON_HOST: &str = "#[cfg(not(target_os = \"none\"))]";
const IN_BOOT: &str = "#[cfg(target_os = \"none\")]";

/// What is put into the solution, and what must come of it.
struct Hostile {
    name: &'static str,
    /// Before the first statement, for the host, the boot or both.
    body: &'static str,
    /// At the end of the file.
    file: &'static str,
    place: &'static str,
    /// Whether the exercise allows `unsafe`.
    unsafe_code: bool,
    /// What the feedback says.
    says: &'static [&'static str],
    points: u32,
}

const ALL: Hostile =
    Hostile { name: "", body: "", file: "", place: "", unsafe_code: false, says: &[], points: 0 };

/// Points of the checks on the host, and of the one in a kernel.
const HOST_POINTS: u32 = 5;
const BOOT_POINTS: u32 = 3;

const HOSTILE: [Hostile; 23] = [
    Hostile {
        name: "endless-loop",
        place: ON_HOST,
        body: "loop { core::hint::spin_loop() }",
        says: &["look for a loop that never ends"],
        points: BOOT_POINTS,
        ..ALL
    },
    Hostile {
        name: "stack-overflow",
        place: ON_HOST,
        body: "{ return deep(ist).1; }",
        file: "fn deep(n: u8) -> ([u64; 512], Gate) { let more = deep(n.wrapping_add(1)); \
               core::hint::black_box((more.0.map(|x| x + 1), more.1)) }",
        says: &["a stack that overflowed by endless recursion"],
        points: BOOT_POINTS,
        ..ALL
    },
    Hostile {
        name: "panic",
        place: ON_HOST,
        body: "assert!(ist > 200, \"what {ist} is this?\");",
        says: &["your code panicked: what", "exercises/m0-idt-gate/src/lib.rs:"],
        points: BOOT_POINTS,
        ..ALL
    },
    Hostile {
        name: "out-of-bounds",
        place: ON_HOST,
        body: "{ static T: [u64; 2] = [1, 2]; core::hint::black_box(T[usize::from(ist) + 2]); }",
        says: &["your code panicked: index out of bounds"],
        points: BOOT_POINTS,
        ..ALL
    },
    Hostile {
        name: "bad-pointer",
        place: ON_HOST,
        body: "unsafe { (8 as *mut u64).write_volatile(1) }",
        unsafe_code: true,
        says: &["touched memory that is not there"],
        points: BOOT_POINTS,
        ..ALL
    },
    Hostile {
        name: "allocates-without-end",
        place: ON_HOST,
        body: "{ let mut v = alloc::vec![0u64; 1 << 20]; loop { v.extend_from_within(..); \
               core::hint::black_box(&v); } }",
        file: "extern crate alloc;",
        says: &["no memory left"],
        points: BOOT_POINTS,
        ..ALL
    },
    Hostile {
        name: "output-flood",
        place: ON_HOST,
        body: "unsafe { let line = \"graded 0 pass\\n\"; loop { core::arch::asm!(\"syscall\", \
               inout(\"rax\") 1_u64 => _, in(\"rdi\") 1, in(\"rsi\") line.as_ptr(), \
               in(\"rdx\") line.len(), out(\"rcx\") _, out(\"r11\") _) } }",
        unsafe_code: true,
        says: &["your code wrote more than 1024 KiB", "look like the grader's own"],
        points: BOOT_POINTS,
        ..ALL
    },
    Hostile {
        name: "leaves-early",
        place: ON_HOST,
        body: "unsafe { core::arch::asm!(\"syscall\", in(\"rax\") 231, in(\"rdi\") 0, \
               options(noreturn)) }",
        unsafe_code: true,
        says: &["your code ended the process with status 0 in the middle of the check"],
        points: BOOT_POINTS,
        ..ALL
    },
    Hostile {
        name: "forges-reports",
        place: ON_HOST,
        body: "unsafe { let line = \"graded 0 begin offset\\ngraded 0 pass\\ncheck offset ok\\n\"; \
               core::arch::asm!(\"syscall\", inout(\"rax\") 1_u64 => _, in(\"rdi\") 1, \
               in(\"rsi\") line.as_ptr(), in(\"rdx\") line.len(), out(\"rcx\") _, out(\"r11\") _); \
               return Self { low: 0, high: 0 }; }",
        unsafe_code: true,
        says: &["look like the grader's own; they count nothing", "address bits"],
        points: BOOT_POINTS,
        ..ALL
    },
    Hostile {
        name: "changes-files",
        place: ON_HOST,
        body: "unsafe { let name = c\"harm\"; core::arch::asm!(\"syscall\", \
               inout(\"rax\") 83_u64 => _, in(\"rdi\") name.as_ptr(), in(\"rsi\") 511, \
               out(\"rcx\") _, out(\"r11\") _) }",
        unsafe_code: true,
        says: &["it may only compute"],
        points: BOOT_POINTS,
        ..ALL
    },
    Hostile {
        name: "boot/endless-loop",
        place: IN_BOOT,
        body: "unsafe { core::arch::asm!(\"cli\"); loop { core::hint::spin_loop() } }",
        unsafe_code: true,
        says: &["interrupts off", "m0-idt-gate/src/lib.rs"],
        points: HOST_POINTS,
        ..ALL
    },
    Hostile {
        name: "boot/stack-overflow",
        place: IN_BOOT,
        body: "{ return deep(ist).1; }",
        file: "fn deep(n: u8) -> ([u64; 512], Gate) { let more = deep(n.wrapping_add(1)); \
               core::hint::black_box((more.0.map(|x| x + 1), more.1)) }",
        says: &["int3-arrives 0/3"],
        points: HOST_POINTS,
        ..ALL
    },
    Hostile {
        name: "boot/panic",
        place: IN_BOOT,
        body: "panic!(\"not in a kernel\");",
        says: &["your code panicked: not in a kernel"],
        points: HOST_POINTS,
        ..ALL
    },
    Hostile {
        name: "boot/triple-fault",
        place: IN_BOOT,
        body: "unsafe { let none = [0_u16; 5]; core::arch::asm!(\"lidt [{}]\", \"int3\", \
               in(reg) &none) }",
        unsafe_code: true,
        says: &["triple fault"],
        points: HOST_POINTS,
        ..ALL
    },
    Hostile {
        name: "boot/flood",
        place: IN_BOOT,
        body: "unsafe { loop { core::arch::asm!(\"out dx, al\", in(\"dx\") 0xe9_u16, \
               in(\"al\") 65_u8) } }",
        unsafe_code: true,
        says: &["the debug console"],
        points: HOST_POINTS,
        ..ALL
    },
    Hostile {
        name: "boot/flood-of-serial",
        place: IN_BOOT,
        body: "unsafe { loop { core::arch::asm!(\"out dx, al\", in(\"dx\") 0x3f8_u16, \
               in(\"al\") 65_u8) } }",
        unsafe_code: true,
        says: &["serial"],
        points: HOST_POINTS,
        ..ALL
    },
    Hostile {
        name: "boot/forges-reports",
        place: IN_BOOT,
        body: "unsafe { for byte in *b\"\\ngraded 0 pass\\ncheck int3-arrives ok\\ndone 0\\n\" { \
               core::arch::asm!(\"out dx, al\", in(\"dx\") 0xe9_u16, in(\"al\") byte) } \
               core::arch::asm!(\"out dx, eax\", in(\"dx\") 0xf4_u16, in(\"eax\") 0x10_u32) }",
        unsafe_code: true,
        says: &["does not carry the nonce of this run", "look like the grader's own"],
        points: HOST_POINTS,
        ..ALL
    },
    Hostile {
        name: "boot/bad-pointer",
        place: IN_BOOT,
        body: "unsafe { (0x1234_5000_0000 as *mut u64).write_volatile(1) }",
        unsafe_code: true,
        says: &["page fault", "0x0000123450000000"],
        points: HOST_POINTS,
        ..ALL
    },
    Hostile {
        name: "const-without-end",
        file: "#[allow(long_running_const_eval)] pub const NEVER: u64 = { let mut n = 0_u64; \
               while n < u64::MAX { n += 1 } n };\npub static USED: u64 = NEVER;",
        says: &["look for a constant whose computing never ends"],
        ..ALL
    },
    Hostile {
        name: "enormous",
        file: "ENORMOUS",
        says: &["more than 262144 are not graded"],
        ..ALL
    },
    Hostile {
        name: "includes-the-solution",
        file: "include!(\"../solution/lib.rs\");",
        says: &["leave out `include!`"],
        ..ALL
    },
    Hostile {
        name: "takes-std",
        file: "extern crate std;",
        says: &["leave out `extern crate std`"],
        ..ALL
    },
    Hostile {
        name: "unsafe-where-not-allowed",
        file: "pub fn f() { unsafe { core::hint::unreachable_unchecked() } }",
        says: &["leave out `unsafe`"],
        ..ALL
    },
];

pub fn tests(workspace: &Workspace) -> Result<Vec<Test>> {
    let all = exercises::all(workspace)?;
    let Some(exercise) = all.into_iter().find(|one| one.id() == ID) else { return Ok(Vec::new()) };
    let exercise = Arc::new(exercise);
    let test = |hostile: Hostile| {
        let exercise = Arc::clone(&exercise);
        let needs = [Need::LoaderPvh, Need::Emulator];
        Test::new(format!("hostile/{}", hostile.name), needs, move |bench| {
            contained(bench, &exercise, &hostile)
        })
    };
    Ok(HOSTILE.into_iter().map(test).collect())
}

fn contained(bench: &Bench, exercise: &Exercise, hostile: &Hostile) -> Result<()> {
    let mut exercise = exercise.clone();
    exercise.description.unsafe_code = hostile.unsafe_code;
    let solution = fs::read_to_string(exercise.solution_file()).context("the solution")?;
    ensure!(solution.contains(BODY), "the solution does not hold `{}`", BODY.escape_debug());
    let Hostile { place, body, .. } = hostile;
    let mut text = solution.replacen(BODY, &format!("{BODY}{place}\n{body};\n"), 1);
    if body.is_empty() {
        text = solution.clone();
    }
    match hostile.file {
        "ENORMOUS" => text.push_str(&"// more\n".repeat(1 << 17)),
        file => text.push_str(file),
    }
    let loader = bench.file(&Need::LoaderPvh)?.to_owned();
    let grader = Grader { workspace: bench.workspace, toolchain: bench.toolchain, loader };
    let stage = Stage::claim(bench.toolchain, &bench.workspace.root)?;
    let grade = |text: &str| -> Result<(Graded, String)> {
        let graded = grader.grade(&exercise, text, fresh_seed(), &stage)?;
        let said = feedback::text(&exercise, &graded, |_, text| text);
        Ok((graded, said))
    };
    let (graded, said) = grade(&text)?;
    for part in hostile.says {
        ensure!(said.contains(part), "the feedback lacks `{part}`:\n{said}");
    }
    let points = hostile.points;
    ensure!(graded.points == points, "it gets {}, not {points} points:\n{said}", graded.points);
    let (graded, said) = grade(&solution)?;
    ensure!(graded.is_full(), "what comes next is graded wrong:\n{said}");
    Ok(())
}
