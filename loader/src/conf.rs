//! `limine.conf`: the part of Limine's configuration language that a kernel of
//! the Limine protocol needs (Limine 8.2, `CONFIG.md`).
//!
//! [`parse`] returns the default [`Entry`]. Options that Limine knows and that
//! say nothing to this loader are accepted and ignored; an option that Limine
//! does not know is an error, and so is anything it could not honour, because
//! the same file must boot the same kernel by either loader.

use core::fmt;

use arrayvec::ArrayVec;

/// Most modules an entry may name.
pub const MAX_MODULES: usize = 32;

/// Options of Limine that do not concern this loader.
const IGNORED: &[&str] = &[
    "timeout",
    "quiet",
    "serial",
    "serial_baudrate",
    "remember_last_entry",
    "graphics",
    "wallpaper",
    "wallpaper_style",
    "backdrop",
    "verbose",
    "randomise_memory",
    "randomize_memory",
    "hash_mismatch_panic",
    "interface_resolution",
    "interface_branding",
    "interface_branding_colour",
    "interface_branding_color",
    "interface_help_hidden",
    "term_font",
    "term_font_size",
    "term_font_scale",
    "term_font_spacing",
    "term_palette",
    "term_palette_bright",
    "term_background",
    "term_foreground",
    "term_background_bright",
    "term_foreground_bright",
    "term_margin",
    "term_margin_gradient",
    "editor_enabled",
    "editor_highlighting",
    "editor_validation",
    "comment",
    "resolution",
    "kaslr",
    "randomise_hhdm_base",
    "randomize_hhdm_base",
    "max_paging_mode",
    "min_paging_mode",
    "paging_mode",
    "textmode",
    "dtb_path",
];

/// What to boot. Paths are relative to the root of the boot volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The kernel's file.
    pub kernel_path: &'a str,
    /// The kernel's command line.
    pub cmdline: &'a str,
    /// The modules, in order.
    pub modules: ArrayVec<Module<'a>, MAX_MODULES>,
}

/// One module of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module<'a> {
    /// Its file.
    pub path: &'a str,
    /// Its command line.
    pub cmdline: &'a str,
}

/// What is wrong, and in which line (counted from 1; 0 for the whole file).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfError<'a> {
    /// The line.
    pub line: usize,
    /// The fault.
    pub fault: Fault<'a>,
}

/// What can be wrong in a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault<'a> {
    /// Not UTF-8.
    NotText,
    /// Neither an option nor an entry nor a comment.
    Malformed(&'a str),
    /// No option of Limine's.
    UnknownOption(&'a str),
    /// An option of an entry before the first entry.
    OutsideEntry(&'a str),
    /// Sub-entries (`//…`) and directories.
    SubEntry(&'a str),
    /// `protocol:` other than `limine`.
    Protocol(&'a str),
    /// A path that is not `boot():/…`.
    Path(&'a str),
    /// `module_cmdline:` before any `module_path:`.
    ModuleCmdlineFirst,
    /// More than [`MAX_MODULES`].
    TooManyModules,
    /// `default_entry:` that is not the number of an entry.
    DefaultEntry(&'a str),
    /// No entry at all.
    NoEntry,
    /// The entry lacks this option.
    Missing(&'static str),
}

impl fmt::Display for ConfError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "limine.conf")?;
        if self.line > 0 {
            write!(f, " line {}", self.line)?;
        }
        write!(f, ": ")?;
        match self.fault {
            Fault::NotText => write!(f, "not UTF-8 text; save the file as UTF-8"),
            Fault::Malformed(line) => {
                write!(f, "malformed line `{line}`; write `option: value`, `/Title` or `# comment`")
            }
            Fault::UnknownOption(key) => {
                write!(f, "unknown option `{key}`; see Limine's CONFIG.md for those that exist")
            }
            Fault::OutsideEntry(key) => {
                write!(f, "option `{key}` stands before any entry; put it below a `/Title` line")
            }
            Fault::SubEntry(line) => {
                write!(f, "sub-entry `{line}` is not supported; use top-level `/Title` entries")
            }
            Fault::Protocol(name) => {
                write!(f, "protocol `{name}` is not supported; use `protocol: limine`")
            }
            Fault::Path(path) => {
                write!(f, "path `{path}` is not on the boot volume; write `boot():/path`")
            }
            Fault::ModuleCmdlineFirst => {
                write!(f, "`module_cmdline` before any module; put it below its `module_path`")
            }
            Fault::TooManyModules => {
                write!(f, "more than {MAX_MODULES} modules; name fewer")
            }
            Fault::DefaultEntry(value) => {
                write!(f, "`default_entry: {value}` is not the number of an entry")
            }
            Fault::NoEntry => write!(f, "no entry; add a `/Title` line and its options"),
            Fault::Missing(option) => {
                write!(f, "the entry has no `{option}`; add it below the `/Title` line")
            }
        }
    }
}

/// Reads the default entry out of the file's text.
///
/// # Errors
/// The first fault, with its line.
pub fn parse(text: &[u8]) -> Result<Entry<'_>, ConfError<'_>> {
    let text =
        core::str::from_utf8(text).map_err(|_| ConfError { line: 0, fault: Fault::NotText })?;
    let wanted = default_entry(text)?;
    let mut entry = Entry::default();
    let mut protocol = None;
    // The number of the entry that the current line belongs to, and the line
    // where the wanted one began.
    let (mut current, mut title_line) = (0, 0);
    for (line, content) in lines(text) {
        let fail = |fault| ConfError { line, fault };
        if content.starts_with("//") || content.starts_with("/+") {
            return Err(fail(Fault::SubEntry(content)));
        }
        if content.starts_with('/') {
            current += 1;
            if current == wanted {
                title_line = line;
            }
            continue;
        }
        let (key, value) = option(content).ok_or(fail(Fault::Malformed(content)))?;
        let is = |name: &str| key.eq_ignore_ascii_case(name);
        let known_local = ["protocol", "path", "kernel_path", "cmdline", "kernel_cmdline"]
            .iter()
            .chain(&["module_path", "module_cmdline"])
            .any(|name| is(name));
        if !known_local {
            if is("default_entry") || IGNORED.iter().any(|name| is(name)) {
                continue;
            }
            return Err(fail(Fault::UnknownOption(key)));
        }
        if current == 0 {
            return Err(fail(Fault::OutsideEntry(key)));
        }
        if current != wanted {
            continue;
        }
        if is("protocol") {
            if value != "limine" {
                return Err(fail(Fault::Protocol(value)));
            }
            protocol = Some(value);
        } else if is("path") || is("kernel_path") {
            entry.kernel_path = on_boot_volume(value).ok_or(fail(Fault::Path(value)))?;
        } else if is("module_path") {
            let path = on_boot_volume(value).ok_or(fail(Fault::Path(value)))?;
            let module = Module { path, cmdline: "" };
            entry.modules.try_push(module).map_err(|_| fail(Fault::TooManyModules))?;
        } else if is("module_cmdline") {
            let module = entry.modules.last_mut().ok_or(fail(Fault::ModuleCmdlineFirst))?;
            module.cmdline = value;
        } else {
            entry.cmdline = value;
        }
    }
    let missing = |option| ConfError { line: title_line, fault: Fault::Missing(option) };
    match (current, protocol) {
        (0, _) => Err(ConfError { line: 0, fault: Fault::NoEntry }),
        (_, None) => Err(missing("protocol: limine")),
        _ if entry.kernel_path.is_empty() => Err(missing("kernel_path")),
        _ => Ok(entry),
    }
}

/// The number of the entry to boot: `default_entry`, else 1.
fn default_entry(text: &str) -> Result<usize, ConfError<'_>> {
    let entries = lines(text).filter(|(_, content)| content.starts_with('/')).count();
    let given = lines(text).filter_map(|(line, content)| Some((line, option(content)?)));
    let mut wanted = 1;
    for (line, (key, value)) in given {
        if key.eq_ignore_ascii_case("default_entry") {
            wanted = match value.parse() {
                Ok(number) if (1..=entries).contains(&number) => number,
                _ => return Err(ConfError { line, fault: Fault::DefaultEntry(value) }),
            };
        }
    }
    Ok(wanted)
}

/// The lines that say something, trimmed, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let trimmed = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    trimmed.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// Splits `key: value`.
fn option(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!key.is_empty() && key.bytes().all(is_name)).then_some((key, value.trim()))
}

/// The path relative to the root of the boot volume, of `boot():/path`.
fn on_boot_volume(path: &str) -> Option<&str> {
    let path = path.strip_prefix("boot():/")?.trim_start_matches('/');
    // `#` would start a hash to check, which this loader does not do.
    (!path.is_empty() && !path.contains('#')).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "\
timeout: 0
serial: yes
# a comment
/Myria m2
    PROTOCOL: limine
    kaslr: no
    kernel_path: boot():/boot/kernel
    cmdline: nonce=5f3a run=hello
    module_path: boot():/boot/a
    module_path: boot():/boot/b
    module_cmdline: second: one
";

    fn fault(text: &str) -> (usize, Fault<'_>) {
        let error = parse(text.as_bytes()).unwrap_err();
        (error.line, error.fault)
    }

    #[test]
    fn reads_what_xtask_writes() {
        let entry = parse(GOOD.as_bytes()).unwrap();
        assert_eq!(entry.kernel_path, "boot/kernel");
        assert_eq!(entry.cmdline, "nonce=5f3a run=hello");
        let modules = [
            Module { path: "boot/a", cmdline: "" },
            Module { path: "boot/b", cmdline: "second: one" },
        ];
        assert_eq!(entry.modules.as_slice(), modules);
    }

    #[test]
    fn aliases_and_default_entry_are_honoured() {
        let text = "default_entry: 2\n/one\n protocol: limine\n path: boot():/x\n\
                    /two\n protocol: limine\n path: boot():/y\n kernel_cmdline: z\n";
        let entry = parse(text.as_bytes()).unwrap();
        assert_eq!((entry.kernel_path, entry.cmdline), ("y", "z"));
    }

    #[test]
    fn faults_are_named_with_their_line() {
        assert_eq!(fault("\n\nnonsense\n"), (3, Fault::Malformed("nonsense")));
        assert_eq!(fault("/x\nfoo: 1\n"), (2, Fault::UnknownOption("foo")));
        assert_eq!(fault("cmdline: x\n/x\n"), (1, Fault::OutsideEntry("cmdline")));
        assert_eq!(fault("/x\n//y\n"), (2, Fault::SubEntry("//y")));
        assert_eq!(fault("/x\nprotocol: linux\n"), (2, Fault::Protocol("linux")));
        assert_eq!(fault("/x\nkernel_path: hdd():/k\n"), (2, Fault::Path("hdd():/k")));
        assert_eq!(fault("/x\nmodule_cmdline: a\n"), (2, Fault::ModuleCmdlineFirst));
        assert_eq!(fault("default_entry: 2\n/x\n"), (1, Fault::DefaultEntry("2")));
        assert_eq!(fault("timeout: 0\n"), (0, Fault::NoEntry));
        assert_eq!(fault("\n/x\nprotocol: limine\n"), (2, Fault::Missing("kernel_path")));
        assert_eq!(fault("/x\npath: boot():/k\n"), (1, Fault::Missing("protocol: limine")));
        assert_eq!(parse(b"\xff").unwrap_err().fault, Fault::NotText);
    }

    #[test]
    fn the_message_says_what_where_and_what_to_do() {
        assert_eq!(
            parse(b"/x\nkernel path boot\n").unwrap_err().to_string(),
            "limine.conf line 2: malformed line `kernel path boot`; \
             write `option: value`, `/Title` or `# comment`"
        );
    }

    #[test]
    fn too_many_modules_are_refused() {
        let text = format!("/x\n{}", "module_path: boot():/m\n".repeat(MAX_MODULES + 1));
        assert_eq!(fault(&text), (MAX_MODULES + 2, Fault::TooManyModules));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "([/:a-z_ ]{0,20}\n){0,10}") {
            let _ = parse(text.as_bytes());
        }

        #[test]
        fn a_mutated_file_never_panics(at in 0..GOOD.len(), byte: u8) {
            let mut text = GOOD.as_bytes().to_vec();
            text[at] = byte;
            let _ = parse(&text);
        }
    }
}
