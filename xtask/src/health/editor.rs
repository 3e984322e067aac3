//! What rust-analyzer makes of the kernels, as far as `.vscode/settings.json` says.
//!
//! Without settings it compiles everything for the host, where bare-metal code is
//! greyed out. With the kernels' target it must not compile tests: that target has
//! no crate `test`, and every file would show an error. Other editors have their
//! settings elsewhere, where nobody can look.

use super::State;
use serde_json::Value;
use std::path::Path;

/// The setting that names the target, and those that switch tests off.
const TARGET: &str = "rust-analyzer.cargo.target";
const ALL_TARGETS: [&str; 2] = ["rust-analyzer.check.allTargets", "rust-analyzer.cargo.allTargets"];

/// Looks at the settings in the project's folder.
pub fn look(root: &Path, kernel_target: &str) -> State {
    let file = root.join(".vscode/settings.json");
    match std::fs::read_to_string(&file) {
        Ok(text) => judge(&text, kernel_target),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => State::Optional {
            found: "no .vscode/settings.json".to_owned(),
            gain: format!(
                "to see bare-metal code as the kernels are built: \"{TARGET}\": \
                 \"{kernel_target}\" and \"{}\": false",
                ALL_TARGETS[0]
            ),
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
    let target = settings[TARGET].as_str();
    let without_tests = ALL_TARGETS.iter().any(|name| settings[*name] == false);
    match target {
        Some(target) if target == kernel_target && !without_tests => State::Advice {
            found: format!("rust-analyzer compiles tests for {target}, which has no crate `test`"),
            advice: format!("add \"{}\": false to .vscode/settings.json", ALL_TARGETS[0]),
        },
        Some(target) => State::Good(format!("rust-analyzer compiles for {target}")),
        None => State::Good(
            "rust-analyzer compiles for this machine; bare-metal code is greyed out".to_owned(),
        ),
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
    fn a_target_without_tests_must_not_compile_them() {
        let target = r#"{ "rust-analyzer.cargo.target": "x86_64-unknown-none" }"#;
        assert!(matches!(judge(target, NONE), State::Advice { .. }));
        let whole = r#"{
            // the kernels' own
            "rust-analyzer.cargo.target": "x86_64-unknown-none", /* and */
            "rust-analyzer.check.allTargets": false,
        }"#;
        let expected = format!("rust-analyzer compiles for {NONE}");
        assert_eq!(judge(whole, NONE), State::Good(expected));
        assert!(matches!(judge("{}", NONE), State::Good(_)));
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
