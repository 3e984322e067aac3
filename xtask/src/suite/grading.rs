//! `cargo xtask grade`: the files it writes, and a class of submissions, some of which
//! are odd.

use super::{
    Test,
    bench::{Bench, Need},
    cli::{Called, Xtask},
};
use crate::{
    exercises::{FOLDER, SOLUTION_FILE},
    trial,
};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::Path,
};

/// The exercises that are graded: one that boots.
const ID: &str = "m0-idt-gate";
/// Its points.
const FULL: u64 = 8;
/// The workflow for GitHub Classroom, from the workspace's root.
const WORKFLOW: &str = "exercises/github-classroom.yml";

pub fn tests() -> Vec<Test> {
    let needs = || [Need::LoaderPvh, Need::Emulator];
    vec![
        Test::new("grade/formats", needs(), formats),
        Test::new("grade/submissions", needs(), submissions),
        Test::new("grade/workflow", needs(), workflow),
    ]
}

/// A share that the starter reaches and one that it does not, and every file.
fn formats(_: &Bench) -> Result<()> {
    let folder = trial::temporary_folder()?;
    let file = |name: &str| folder.path().join(name).display().to_string();
    let [json, junit, gradescope, classroom] = ["o.json", "j.xml", "g.json", "c.json"].map(file);
    let called = Xtask::new(["grade", ID, "--as-is", "--pass", "0", "--seed", "5", "--json"])
        .arguments(&["--output", &json, "--junit", &junit])
        .arguments(&["--gradescope", &gradescope, "--classroom", &classroom])
        .run()?;
    ensure!(called.status == Some(0), "status {:?}\n{}", called.status, called.stderr);
    let value: Value = serde_json::from_str(&called.stdout).context("stdout is not JSON alone")?;
    ensure!(value["version"] == 1 && value["seed"] == 5, "{value:#}");
    ensure!(value["points_max"] == FULL && value["exercises"][0]["id"] == ID, "{value:#}");
    ensure!(called.stderr.contains("[1/1] m0-idt-gate "), "no progress: {}", called.stderr);
    ensure!(fs::read_to_string(&json)? == called.stdout, "the file differs from stdout");
    let read =
        |path: &str| -> Result<Value> { Ok(serde_json::from_str(&fs::read_to_string(path)?)?) };
    let tests = read(&gradescope)?["tests"].as_array().map_or(0, Vec::len);
    ensure!(tests == 4, "Gradescope sees {tests} tests");
    ensure!(read(&classroom)?["max_score"] == FULL, "GitHub Classroom sees other points");
    ensure!(fs::read_to_string(&junit)?.contains("<testsuite name=\"m0-idt-gate\""), "JUnit");
    Ok(())
}

/// A class: full, half, broken, missing, and odd ones; then once more.
fn submissions(bench: &Bench) -> Result<()> {
    let folder = trial::temporary_folder()?;
    let (class, out) = (folder.path().join("class"), folder.path().join("out"));
    let solution =
        fs::read_to_string(bench.workspace.root.join(FOLDER).join(ID).join(SOLUTION_FILE))?;
    let half = solution.replace("high: handler >> 32", "high: 0");
    ensure!(half != solution, "the solution is not as this test expects");
    let put = |name: &OsStr, place: &str, text: &str| -> Result<()> {
        let path = class.join(name).join(place);
        fs::create_dir_all(path.parent().context("a parent")?)?;
        Ok(fs::write(path, text)?)
    };
    let own = format!("exercises/{ID}/src/lib.rs");
    put("ada".as_ref(), &own, &solution)?;
    put("half \u{e4}".as_ref(), &format!("{ID}/src/lib.rs"), &half)?;
    put("broken".as_ref(), &format!("{ID}.rs"), "#![no_std]\nfn f( {")?;
    put("=HYPERLINK(1)".as_ref(), &own, &solution)?;
    put("line\nend, \"quoted\"".as_ref(), "README", "nothing")?;
    put("huge".as_ref(), &own, &"// more\n".repeat(1 << 17))?;
    put("tests".as_ref(), &format!("exercises/{ID}/checks/host.rs"), "fn main() {}")?;
    fs::create_dir_all(class.join(OsStr::from_bytes(b"odd\xff")))?;
    symlink(class.join("ada"), class.join("link"))?;
    fs::create_dir_all(class.join("inner"))?;
    symlink(class.join("ada").join(&own), class.join("inner").join(format!("{ID}.rs")))?;
    fs::write(class.join("notes.txt"), "no submission")?;

    let called = grade(&class, &out, &[])?;
    ensure!(called.status == Some(0), "status {:?}\n{}", called.status, called.stderr);
    ensure!(called.stderr.contains("notes.txt"), "what is ignored is not named");
    let all: Value = serde_json::from_str(&fs::read_to_string(out.join("grades.json"))?)?;
    let expected = [
        ("ada", FULL, ""),
        ("half \u{e4}", FULL - 5, ""),
        ("broken", 0, "does not compile"),
        ("=HYPERLINK(1)", FULL, ""),
        ("line\nend, \"quoted\"", 0, "no file of any exercise"),
        ("huge", 0, "more than 262144 bytes"),
        ("tests", 0, "no file of any exercise"),
        ("odd\u{fffd}", 0, "no file of any exercise"),
        ("link", 0, "symbolic link"),
        ("inner", 0, "symbolic link"),
    ];
    let graded = all["submissions"].as_array().context("no submissions")?;
    ensure!(graded.len() == expected.len(), "{} submissions", graded.len());
    for (name, points, note) in expected {
        let one = graded.iter().find(|one| one["name"] == name);
        let one = one.with_context(|| format!("{name:?} is missing"))?;
        let noted = one["note"].as_str().unwrap_or_default();
        ensure!(one["points"] == points && noted.contains(note), "{one:#}");
    }
    let csv = fs::read_to_string(out.join("grades.csv"))?;
    ensure!(csv.contains("\"'=HYPERLINK(1)\",8,8,8,100,"), "a formula:\n{csv}");
    ensure!(csv.contains("\"line\nend, \"\"quoted\"\"\",0,"), "quoting:\n{csv}");
    for file in ["ada.json", "ada.txt", "broken.txt", "line%0Aend, %22quoted%22.txt"] {
        ensure!(out.join(file).is_file(), "there is no {file}");
    }

    // Nothing changed; then one did.
    let called = grade(&class, &out, &[])?;
    ensure!(called.stdout.contains("10 of 10 submissions are graded already"), "{}", called.stdout);
    put("broken".as_ref(), &format!("{ID}.rs"), &solution)?;
    let called = grade(&class, &out, &[])?;
    ensure!(called.stdout.contains("9 of 10 submissions are graded already"), "{}", called.stdout);
    ensure!(called.stdout.contains("[10/10] broken 8/8"), "{}", called.stdout);
    let seed = |value: &Value| value["seed"].clone();
    let again: Value = serde_json::from_str(&fs::read_to_string(out.join("grades.json"))?)?;
    ensure!(seed(&again) == seed(&all), "the seed changed between runs");
    Ok(())
}

fn grade(class: &Path, out: &Path, more: &[&str]) -> Result<Called> {
    let (class, out) = (class.display().to_string(), out.display().to_string());
    Xtask::new(["grade", ID, "--as-is", "--submissions", &class, "--out", &out])
        .arguments(more)
        .run()
}

/// The workflow's own command line, as far as it can run here.
fn workflow(bench: &Bench) -> Result<()> {
    let text = fs::read_to_string(bench.workspace.root.join(WORKFLOW)).context(WORKFLOW)?;
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    for wanted in ["name: Autograding Tests", "run-autograding-tests:"] {
        ensure!(lines.contains(&wanted), "{WORKFLOW} lacks `{wanted}`: scores need it");
    }
    let ours: Vec<&str> = lines
        .iter()
        .filter_map(|line| {
            Some(line.strip_prefix("run: ").unwrap_or(line))
                .filter(|line| line.starts_with("cargo xtask "))
        })
        .collect();
    ensure!(!ours.is_empty(), "{WORKFLOW} calls no `cargo xtask`");
    let folder = trial::temporary_folder()?;
    let result = folder.path().join("classroom.json");
    for line in ours {
        let line = line.replace("\"$RUNNER_TEMP\"", &folder.path().display().to_string());
        let line = line.replace("|| true", "");
        let words: Vec<&str> = line.split_whitespace().skip(2).collect();
        // All exercises take long; one shows as much. The checks may not be sealed yet.
        let mut words = words;
        if words.first() == Some(&"grade") {
            words.extend([ID, "--as-is"]);
        }
        let called = Xtask::new([]).arguments(&words).run()?;
        ensure!(matches!(called.status, Some(0 | 1)), "`{line}`: {}", called.stderr);
    }
    let value: Value = serde_json::from_str(&fs::read_to_string(&result).context("no result")?)?;
    ensure!(value["max_score"] == FULL && value["tests"][0]["name"] == ID, "{value:#}");
    Ok(())
}
