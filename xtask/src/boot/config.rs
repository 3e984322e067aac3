//! `limine.conf`, which our loader and Limine itself both read.
//!
//! A value ends with its line and there is no quoting, so text that cannot be
//! written faithfully is refused. (Limine's CONFIG.md.)

use super::Module;
use anyhow::{Result, ensure};
use std::fmt::Write;

/// The longest kernel command line we write. Our loader and Limine take more;
/// nothing a person types comes near.
const CMDLINE_MAX: usize = 4096;

/// The configuration with one entry, started at once.
///
/// # Errors
/// If a text could not be read back as it is.
pub fn limine_conf(title: &str, cmdline: &str, modules: &[Module]) -> Result<String> {
    check("the entry's title", title)?;
    check("the kernel's command line", cmdline)?;
    ensure!(
        cmdline.len() <= CMDLINE_MAX,
        "the kernel's command line has {} bytes; at most {CMDLINE_MAX} are allowed",
        cmdline.len()
    );
    let mut text = format!(
        "timeout: 0\n\
         serial: yes\n\
         quiet: yes\n\
         \n\
         /{title}\n    \
             protocol: limine\n    \
             kaslr: no\n    \
             kernel_path: boot():/boot/kernel\n"
    );
    if !cmdline.is_empty() {
        writeln!(text, "    cmdline: {cmdline}")?;
    }
    for module in modules {
        check("a module's name", &module.name)?;
        check("a module's command line", &module.cmdline)?;
        writeln!(text, "    module_path: boot():/boot/{}", module.name)?;
        if !module.cmdline.is_empty() {
            writeln!(text, "    module_cmdline: {}", module.cmdline)?;
        }
    }
    Ok(text)
}

/// Joins command line arguments with spaces.
///
/// # Errors
/// If the kernel, which splits at spaces, would see other arguments.
pub fn join_arguments<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<String> {
    let mut line = String::new();
    for argument in arguments {
        check("a kernel argument", argument)?;
        ensure!(
            !argument.is_empty() && !argument.contains(' '),
            "kernel argument `{argument}`: the kernel splits its command line at spaces and knows \
             no quotes; give each option as an argument of its own"
        );
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(argument);
    }
    Ok(line)
}

/// Refuses what limine.conf cannot carry: anything but printable ASCII, and
/// `${`, which Limine replaces by a macro's value.
fn check(what: &str, text: &str) -> Result<()> {
    let bad = text.chars().find(|c| !matches!(c, ' '..='~'));
    if let Some(bad) = bad {
        anyhow::bail!("{what} holds {bad:?}, which limine.conf cannot carry; use printable ASCII");
    }
    ensure!(!text.contains("${"), "{what} holds `${{`, which Limine would expand as a macro");
    ensure!(
        text.trim() == text,
        "{what} begins or ends with a space, which would be lost: {text:?}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_both_loaders_read() {
        let modules = [
            Module { name: "a".into(), cmdline: "x y".into(), contents: vec![] },
            Module { name: "b".into(), cmdline: String::new(), contents: vec![] },
        ];
        let text = limine_conf("Myria m2", "nonce=5f run=hello", &modules).expect("plain text");
        assert_eq!(
            text,
            "timeout: 0\nserial: yes\nquiet: yes\n\n/Myria m2\n    protocol: limine\n    \
             kaslr: no\n    kernel_path: boot():/boot/kernel\n    cmdline: nonce=5f run=hello\n    \
             module_path: boot():/boot/a\n    module_cmdline: x y\n    \
             module_path: boot():/boot/b\n"
        );
    }

    #[test]
    fn a_line_end_cannot_add_a_key() {
        for cmdline in ["a\nkernel_path: x", "a\rb", "tab\there", "é", "${ARCH}", " lead"] {
            assert!(limine_conf("t", cmdline, &[]).is_err(), "{cmdline:?}");
        }
    }

    #[test]
    fn arguments_stay_apart() {
        assert_eq!(join_arguments(["a=1", "b"]).expect("plain"), "a=1 b");
        assert!(join_arguments(["a b"]).is_err());
        assert!(join_arguments([""]).is_err());
    }

    #[test]
    fn an_overlong_command_line_is_refused() {
        assert!(limine_conf("t", &"x".repeat(CMDLINE_MAX), &[]).is_ok());
        assert!(limine_conf("t", &"x".repeat(CMDLINE_MAX + 1), &[]).is_err());
    }
}
