//! What rust-analyzer makes of the kernels, as far as `.vscode/settings.json` says.
//!
//! Without settings it compiles everything for the host, where bare-metal code is
//! greyed out. With the kernels' target it must not compile the whole workspace,
//! xtask and tests included: that target has neither `std` nor `test`, and every
//! file would show an error. Other editors have their settings elsewhere, where
//! nobody can look.

use super::State;
use serde_json::Value;
use std::path::Path;

/// The setting that names the target.
const TARGET: &str = "rust-analyzer.cargo.target";
/// The setting that says what is compiled.
const COMMAND: &str = "rust-analyzer.check.overrideCommand";
/// Those that together leave out other packages and tests.
const NARROWER: [&str; 2] = ["rust-analyzer.check.workspace", "rust-analyzer.check.allTargets"];

/// Looks at the settings in the project's folder.
pub fn look(root: &Path, kernel_target: &str) -> State {
    let file = root.join(".vscode/settings.json");
    match std::fs::read_to_string(&file) {
        Ok(text) => judge(&text, kernel_target),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => State::Optional {
            found: "no .vscode/settings.json".to_owned(),
            gain: "to see bare-metal code as it is built: git checkout .vscode/settings.json"
                .to_owned(),
        },
        Err(error) => State::Advice {
            found: format!("{} cannot be read: {error}", file.display()),
            advice: "correct its permissions, or remove it".to_owned(),
        },
    }
}

fn judge(text: &str, kernel_target: &str) -> State {
    let settings: Value = match serde_json::from_str(&without_comments(text)) {
        Ok(settings) => settings,
        Err(error) => {
            return State::Advice {
                found: format!(".vscode/settings.json is not JSON: {error}"),
                advice: "correct it; the editor ignores it as it is".to_owned(),
            };
        }
    };
    let narrow =
        settings[COMMAND].is_array() || NARROWER.iter().all(|name| settings[*name] == false);
    match settings[TARGET].as_str() {
        Some(target) if target == kernel_target && !narrow => State::Advice {
            found: format!("rust-analyzer compiles xtask and tests for {target}, without std"),
            advice: format!("set {COMMAND}, as the checked-in .vscode/settings.json does"),
        },
        Some(target) => State::Good(format!("rust-analyzer analyses for {target}")),
        None => State::Advice {
            found: "rust-analyzer analyses for this machine; bare-metal code is greyed out"
                .to_owned(),
            advice: format!("set \"{TARGET}\", as the checked-in .vscode/settings.json does"),
        },
    }
}

/// VS Code allows comments, and commas before a closing bracket.
fn without_comments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut in_string = false;
    while let Some(c) = rest.next() {
        match (in_string, c, rest.peek()) {
            (true, '\\', Some(_)) => {
                plain.push(c);
                plain.extend(rest.next());
            }
            (_, '"', _) => {
                in_string = !in_string;
                plain.push(c);
            }
            (false, '/', Some('/')) => while rest.next_if(|&c| c != '\n').is_some() {},
            (false, '/', Some('*')) => {
                let mut before = ' ';
                rest.next();
                for c in rest.by_ref() {
                    if (before, c) == ('*', '/') {
                        break;
                    }
                    before = c;
                }
            }
            (false, '}' | ']', _) => {
                if plain.trim_end().ends_with(',') {
                    plain.truncate(plain.trim_end().len() - 1);
                }
                plain.push(c);
            }
            _ => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &str = "x86_64-unknown-none";

    #[test]
    fn the_checked_in_settings_are_good() {
        let text = include_str!("../../../.vscode/settings.json");
        assert_eq!(judge(text, NONE), State::Good(format!("rust-analyzer analyses for {NONE}")));
    }

    #[test]
    fn a_target_without_std_must_not_compile_everything() {
        let target = r#"{ "rust-analyzer.cargo.target": "x86_64-unknown-none" }"#;
        assert!(matches!(judge(target, NONE), State::Advice { .. }));
        let narrow = r#"{
            // the kernels' own
            "rust-analyzer.cargo.target": "x86_64-unknown-none", /* and */
            "rust-analyzer.check.workspace": false,
            "rust-analyzer.check.allTargets": false,
        }"#;
        assert!(matches!(judge(narrow, NONE), State::Good(_)));
        assert!(matches!(judge("{}", NONE), State::Advice { .. }));
    }

    #[test]
    fn a_file_that_is_no_json_is_told() {
        let State::Advice { found, .. } = judge("{ \"a\": }", NONE) else { panic!("accepted") };
        assert!(found.contains("is not JSON"), "{found}");
    }

    #[test]
    fn slashes_in_strings_are_no_comments() {
        let text = r#"{"a": "http://x", "b": "\"/*"}"#;
        assert_eq!(without_comments(text), text);
    }

    #[test]
    fn no_settings_are_no_fault() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(matches!(look(folder.path(), NONE), State::Optional { .. }));
    }
}
