//! What `cargo xtask --help` says around clap's lists of commands and options. The
//! examples of a subcommand stand at its `Args`.

use crate::Cli;
use clap::Parser;

/// The first paragraphs of `--help`.
pub const DESCRIPTION: &str = "\
Builds, boots, tests and explains the Myria kernels.

Myria is a course in which you build an x86-64 kernel, one bootable milestone at a \
time. This is its one tool. `run` builds a milestone, boots it in QEMU and says what \
came of it; `test` proves that the repository works. Both first make sure of what they \
need: Rust's bare-metal targets, QEMU, UEFI firmware. They ask before they install \
anything if somebody sits at the terminal, and need no terminal at all.

Each command explains itself with `cargo xtask COMMAND --help`.";

/// The end of `-h`.
pub const EXAMPLES: &str = "\
Examples:
  cargo xtask doctor          # what is there, and what is not
  cargo xtask run m2          # build and boot a milestone
  cargo xtask test            # everything that proves the repository works";

/// The end of `--help`.
pub const SECTIONS: &str = "\
Examples:
  cargo xtask doctor                       # what is there, and what is not
  cargo xtask run m2                       # build and boot a milestone
  cargo xtask run m0 --boot fast           # the same in a quarter of a second
  cargo xtask list                         # the exercises, and which one comes next
  cargo xtask watch                        # the next one, graded at every save
  cargo xtask book --open                  # read the course
  cargo xtask test                         # everything that proves the repository works
  cargo xtask test guest/m1 --timings      # some of it, and where the time went
  cargo xtask image m2 -o m2.iso           # for a USB stick, a CD or a disk
  cargo xtask completions bash             # for your shell

Ways to boot:
  fast    QEMU starts our loader; no UEFI, a fraction of a second
  uefi    UEFI firmware starts our loader from an image, as a real machine does
  limine  as uefi, by the Limine boot loader; `setup --limine` fetches it

Exit status:
  0    it worked: the kernel completed, no test failed, all points, nothing is missing
  1    it did not: the kernel or a test failed, points or a requirement are missing
  2    it could not be tried: a mistake on the command line, a tool that is missing
  130  it was interrupted

Environment:
  MYRIA_TOOLCHAIN           default for --toolchain
  MYRIA_QEMU                the emulator to call instead of qemu-system-x86_64
  MYRIA_OVMF_CODE           UEFI firmware, together with
  MYRIA_OVMF_VARS           the template of its variables
  LIMINE_DIR                folder of a Limine binary release
  MYRIA_LIMINE_REPOSITORY   where `setup --limine` fetches from
  XDG_CACHE_HOME            where it keeps the release, below myria; default ~/.cache
  CARGO_TARGET_DIR          where everything is built, as for cargo itself
  NO_COLOR                  any value: no colour

Files:
  target/           all that is built, and the firmware's variables between runs
  exercises/.progress.json, exercises/*/src/lib.rs.backup-*
                    points and hints so far; what `reset` put aside
  bench/budgets.toml, */tests/guest.toml
                    limits of `bench`; what `test` must observe of test kernels";

/// Parses a line as people type it, with the parser that will: as a shell would hand it
/// over. Returns what is ours of it, without a remark or a file behind it.
///
/// # Errors
/// What is wrong with it, in one line.
pub fn check_line(line: &str) -> Result<&str, String> {
    let ours = |part: &&str| part.contains("cargo xtask ");
    let line = line.split(" | ").find(ours).unwrap_or_default();
    // Behind it stand a remark or a file.
    let end = ["  ", " #", " > "].into_iter().filter_map(|mark| line.find(mark)).min();
    let line = line[..end.unwrap_or(line.len())].trim();
    let is_variable = |word: &str| {
        let name = word.split_once('=').map(|(name, _)| name);
        name.is_some_and(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
    };
    let words = line.split_whitespace().skip_while(|word| is_variable(word));
    let words: Vec<&str> = words.collect();
    if words.get(..2) != Some(&["cargo", "xtask"]) {
        return Err("it does not call `cargo xtask`".to_owned());
    }
    match Cli::try_parse_from(&words[1..]) {
        Ok(_) => Ok(line),
        Err(error) => Err(error.to_string().lines().next().unwrap_or_default().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use crate::Cli;
    use clap::CommandFactory;

    /// The command lines below the heading `Examples:`.
    fn examples(help: &str) -> Vec<&str> {
        let lines = help.lines().skip_while(|line| *line != "Examples:").skip(1);
        lines.take_while(|line| line.starts_with("  ")).map(str::trim).collect()
    }

    /// Parses a line that has to be right.
    fn parse(line: &str) {
        if let Err(error) = super::check_line(line) {
            panic!("`{line}` is no command line: {error}");
        }
    }

    #[test]
    fn every_subcommand_has_examples_and_all_of_them_parse() {
        for mut subcommand in Cli::command().get_subcommands().cloned() {
            let name = subcommand.get_name().to_owned();
            let help = subcommand.render_long_help().to_string();
            let lines = examples(&help);
            assert!(!lines.is_empty(), "`{name} --help` has no section Examples:\n{help}");
            assert!(lines.iter().any(|line| line.contains(&name)), "no example of {name}");
            lines.into_iter().for_each(parse);
        }
    }

    #[test]
    fn examples_are_read_as_by_a_shell() {
        parse("cargo xtask test --list          their names");
        parse("A=b echo x | NO_COLOR=1 cargo xtask run m2 -- run=list   # a remark");
        parse("cargo xtask run m2 | less -R");
        for wrong in ["cargo xtask tset", "cargo build", "cargo xtask run m2 --bot fast"] {
            assert!(std::panic::catch_unwind(|| parse(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_example_is_wider_than_a_page() {
        let mut commands: Vec<clap::Command> = Cli::command().get_subcommands().cloned().collect();
        commands.push(Cli::command());
        for command in commands {
            for text in [command.get_after_help(), command.get_after_long_help()] {
                let text = text.map(ToString::to_string).unwrap_or_default();
                let wide = text.lines().find(|line| line.chars().count() > 88);
                assert_eq!(wide, None, "of {}", command.get_name());
            }
        }
    }

    #[test]
    fn the_manuals_examples_parse() {
        for help in [Cli::command().render_help(), Cli::command().render_long_help()] {
            let help = help.to_string();
            let lines = examples(&help);
            assert!(lines.len() >= 3, "{help}");
            lines.into_iter().for_each(parse);
        }
    }

    #[test]
    fn the_readmes_command_lines_parse() {
        let lines: Vec<&str> = include_str!("../../README.md")
            .lines()
            .filter(|line| line.starts_with("    ") && line.contains("cargo xtask "))
            .collect();
        assert!(lines.len() >= 5, "the README shows {} command lines", lines.len());
        lines.into_iter().map(str::trim).for_each(parse);
    }

    #[test]
    fn the_manual_names_every_command_and_variable() {
        // As one line: clap wraps what does not fit.
        let joined = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let help = joined(&Cli::command().render_long_help().to_string());
        for subcommand in Cli::command().get_subcommands() {
            let about = subcommand.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(
                !about.is_empty() && help.contains(&joined(&about)),
                "{}",
                subcommand.get_name()
            );
        }
        for name in [crate::limine::REPOSITORY_VARIABLE, "MYRIA_TOOLCHAIN", "LIMINE_DIR"] {
            assert!(help.contains(name), "{name}");
        }
    }
}
