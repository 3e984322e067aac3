//! `cargo xtask completions`: what a shell needs to complete our command lines.

use anyhow::{Context, Result};
use clap_complete::Shell;
use std::{io::Write, process::ExitCode};

/// Prints what a shell needs to complete `cargo xtask` command lines.
///
/// `cargo xtask` is cargo's alias for this program, so the shell asks cargo's
/// completion first. The scripts for bash and fish hand what follows `cargo xtask`
/// on to ours and leave all else to cargo's; zsh's completion of cargo looks by
/// itself for a function named after the alias. elvish and powershell complete only
/// a command named `cargo-xtask`, such as an alias of your own for `cargo xtask`.
/// Milestones and tests are not completed: they are read from the repository.
///
/// bash: `source` the file in ~/.bashrc. zsh: ~/.zfunc must be in $fpath before
/// compinit runs.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask completions bash > ~/.myria-completion.bash
  cargo xtask completions zsh > ~/.zfunc/_cargo-xtask
  cargo xtask completions fish > ~/.config/fish/conf.d/cargo-xtask.fish
  cargo xtask completions powershell")]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// What a shell calls our completion by.
fn name(shell: Shell) -> &'static str {
    match shell {
        // clap_complete's script for bash loses its subcommands at a hyphen.
        Shell::Bash => "xtask",
        _ => "cargo-xtask",
    }
}

/// Puts ours in front of cargo's. The words and their index become those of a
/// call of `xtask`.
const BASH: &str = r#"
# `cargo xtask …` is completed by the function above, other cargo commands as before.
# bash-completion loads cargo's only when it is first asked for, so it is asked here.
if ! complete -p cargo; then
    if declare -F _comp_load; then
        _comp_load cargo
    elif declare -F _completion_loader; then
        _completion_loader cargo
    fi
fi >/dev/null 2>&1
_myria_found=$(complete -p cargo 2>/dev/null | sed -n 's/.* -F \([^ ]*\).*/\1/p')
[ "$_myria_found" = _myria_cargo ] || _myria_cargo_before=$_myria_found
unset _myria_found
_myria_cargo() {
    if [ "${COMP_WORDS[1]}" = xtask ] && [ "$COMP_CWORD" -gt 1 ]; then
        COMP_WORDS=(xtask "${COMP_WORDS[@]:2}")
        COMP_CWORD=$((COMP_CWORD - 1))
        _xtask xtask "$2" "$3"
    elif [ -n "$_myria_cargo_before" ]; then
        "$_myria_cargo_before" "$@"
    fi
}
complete -F _myria_cargo -o bashdefault -o default cargo
"#;

/// The same for fish, which can be asked what it would complete.
const FISH: &str = r#"
# `cargo xtask …` is completed as `cargo-xtask …`.
complete -c cargo -n "__fish_seen_subcommand_from xtask" -f -a "(complete -C (string replace -r '^\s*cargo\s+xtask' 'cargo-xtask' -- (commandline -cp)))"
"#;

pub fn main(args: &Args, command: &clap::Command) -> Result<ExitCode> {
    let script = script(args.shell, command);
    std::io::stdout().write_all(&script).context("cannot write the script")?;
    Ok(ExitCode::SUCCESS)
}

fn script(shell: Shell, command: &clap::Command) -> Vec<u8> {
    let mut script = Vec::new();
    // A new command: the name of ours has two words, which would go into the names
    // of the script's functions.
    let mut command = clap::Command::new(name(shell))
        .subcommands(command.get_subcommands().cloned())
        .args(command.get_arguments().cloned());
    clap_complete::generate(shell, &mut command, name(shell), &mut script);
    match shell {
        Shell::Bash => script.extend(BASH.as_bytes()),
        Shell::Fish => script.extend(FISH.as_bytes()),
        _ => {}
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use std::process::Command;

    /// What bash completes, asked as it asks itself.
    fn bash(words: &[&str]) -> Option<Vec<String>> {
        let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("script");
        std::fs::write(&path, script(Shell::Bash, &crate::Cli::command())).expect("written");
        let asked = format!(
            "_before() {{ COMPREPLY=(by-cargo); }}; complete -F _before cargo; . '{0}'; . '{0}'; \
             COMP_WORDS=({1}); COMP_CWORD={2}; _myria_cargo cargo \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            path.display(),
            quoted.join(" "),
            words.len() - 1
        );
        let output = Command::new("bash").args(["--norc", "-c", &asked]).output().ok()?;
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
    }

    #[test]
    fn bash_completes_behind_cargos_alias() {
        let Some(found) = bash(&["cargo", "xtask", "doc"]) else {
            // Nobody here completes with bash.
            return;
        };
        assert_eq!(found, ["doctor"]);
        let options = bash(&["cargo", "xtask", "run", "--bo"]).expect("bash");
        assert_eq!(options, ["--boot"]);
        let values = bash(&["cargo", "xtask", "run", "--boot", "l"]).expect("bash");
        assert_eq!(values, ["limine"]);
        assert_eq!(bash(&["cargo", "bu"]).expect("bash"), ["by-cargo"]);
    }

    #[test]
    fn every_shell_gets_every_subcommand() {
        for &shell in <Shell as clap::ValueEnum>::value_variants() {
            let text = String::from_utf8(script(shell, &crate::Cli::command())).expect("text");
            for subcommand in crate::Cli::command().get_subcommands() {
                let name = subcommand.get_name();
                assert!(text.contains(name), "{shell} lacks {name}");
            }
        }
    }
}
