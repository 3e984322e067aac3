//! The programs that the loader brought: its modules.
//!
//! A module is a file that the loader puts into memory beside the kernel (Limine
//! protocol, "Module Feature"). [`init`] takes each that is an ELF program under
//! its file name, without folder and extension, and refuses the others with a
//! line that says why: a bad file must not keep the kernel from booting.
//!
//! The files stay where they are. The memory map calls that memory
//! "executable and modules"; M1 neither gives it out nor reclaims it, and its
//! direct map has it read-only. The loader's list and the names in it are
//! reclaimed, so [`init`] copies them.

use crate::elf::{ElfError, Image};
use crate::program::{self, Program};
use arrayvec::{ArrayString, ArrayVec};
use core::fmt;
use limine::request::ModuleRequest;
use m0_boot::memory_map::{Kind, MemoryMap};
use m1_memory::layout::{DIRECT_MAP, DIRECT_MAP_END};
use spin::Once;

/// Most bytes of a program's name.
pub const NAME_BYTES: usize = 32;

/// Most modules that are taken.
const MAX_MODULES: usize = 64;

#[used]
#[cfg_attr(target_os = "none", unsafe(link_section = ".limine_requests"))]
static MODULES: ModuleRequest = ModuleRequest::new();

/// What was taken.
static PROGRAMS: Once<ArrayVec<Module, MAX_MODULES>> = Once::new();

/// A module that is a program.
#[derive(Debug)]
struct Module {
    name: ArrayString<NAME_BYTES>,
    file: &'static [u8],
}

/// Why a module is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleError {
    /// Its name is empty, too long, or not of plain characters.
    Name,
    /// There is a program of its name already.
    Duplicate,
    /// Its memory is not what the memory map keeps for modules.
    Memory {
        /// Where the loader says that it is.
        address: u64,
        /// How long it is.
        bytes: u64,
    },
    /// It is not a program.
    Elf(ElfError),
    /// There are more than can be taken.
    TooMany,
}

impl fmt::Display for ModuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => {
                write!(f, "its name is not 1 to {NAME_BYTES} letters, digits, `-` and `_`")
            }
            Self::Duplicate => write!(f, "there is a program of that name already"),
            Self::Memory { address, bytes } => {
                write!(f, "its {bytes} bytes at {address:#x} are not in memory kept for modules")
            }
            Self::Elf(error) => error.fmt(f),
            Self::TooMany => write!(f, "there are {MAX_MODULES} already"),
        }
    }
}

/// Takes the programs among the loader's modules. Without modules, there are
/// none.
///
/// To be called once, and before the loader's memory is reclaimed, where the
/// answer lies.
pub fn init(map: &MemoryMap) {
    PROGRAMS.call_once(|| {
        let files = MODULES.get_response().map_or(&[][..], |response| response.modules());
        let mut taken = ArrayVec::new();
        for file in files {
            let path = file.path().to_bytes();
            let claim = (file.addr() as u64, file.size());
            if let Err(error) = take(&mut taken, path, claim, map) {
                log::warn!("module {} is refused: {error}", path.escape_ascii());
            }
        }
        log::info!("{} of {} modules are programs", taken.len(), files.len());
        taken
    });
}

/// The programs that were taken, in the loader's order.
pub fn programs() -> impl Iterator<Item = Program> {
    let taken = PROGRAMS.get().map_or(&[][..], |taken| taken.as_slice());
    taken.iter().map(|module| Program::elf(&module.name, module.file))
}

fn take(
    taken: &mut ArrayVec<Module, MAX_MODULES>,
    path: &[u8],
    (address, bytes): (u64, u64),
    map: &MemoryMap,
) -> Result<(), ModuleError> {
    let name = name_of(path).ok_or(ModuleError::Name)?;
    let mut bundled = program::bundled();
    if taken.iter().any(|module| module.name == name) || bundled.any(|one| one.name() == &*name) {
        return Err(ModuleError::Duplicate);
    }
    if !is_kept(address, bytes, map) {
        return Err(ModuleError::Memory { address, bytes });
    }
    // SAFETY: this memory is RAM in the direct map, which the loader filled with
    // the file, and which nobody gives out or writes to (checked just now).
    let file = unsafe { core::slice::from_raw_parts(address as *const u8, bytes as usize) };
    Image::parse(file).map_err(ModuleError::Elf)?;
    taken.try_push(Module { name, file }).map_err(|_| ModuleError::TooMany)
}

/// The file's name in a path, without its last extension.
fn name_of(path: &[u8]) -> Option<ArrayString<NAME_BYTES>> {
    let file = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let file = core::str::from_utf8(file).ok()?;
    let name = file.rsplit_once('.').map_or(file, |(name, _)| name);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let good = !name.is_empty() && name.chars().all(plain);
    good.then(|| ArrayString::from(name).ok()).flatten()
}

/// Whether all the bytes are in the direct map, in one region of the kind that
/// stays the loader's files'.
fn is_kept(address: u64, bytes: u64, map: &MemoryMap) -> bool {
    let Some(end) = address.checked_add(bytes) else { return false };
    let direct = DIRECT_MAP.as_u64()..=DIRECT_MAP_END.as_u64();
    if bytes == 0 || !direct.contains(&address) || !direct.contains(&end) {
        return false;
    }
    let (start, end) = (address - DIRECT_MAP.as_u64(), end - DIRECT_MAP.as_u64());
    map.of_kind(Kind::ExecutableAndModules)
        .any(|region| region.start.as_u64() <= start && end <= region.end.as_u64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::tests::sample;

    #[test]
    fn names_are_file_names_without_extension() {
        let name = |path: &[u8]| name_of(path).map(|name| name.to_string());
        assert_eq!(name(b"/boot/programs/greeter").as_deref(), Some("greeter"));
        assert_eq!(name(b"a.tar.gz"), None, "`a.tar` is no plain name");
        assert_eq!(name(b"/boot/twin.elf").as_deref(), Some("twin"));
        for bad in [&b"/boot/"[..], b".elf", b"two words", b"\xff", &[b'x'; NAME_BYTES + 1]] {
            assert_eq!(name(bad), None, "{bad:?}");
        }
        assert!(name(&[b'x'; NAME_BYTES]).is_some());
    }

    fn map() -> MemoryMap {
        let mut map = MemoryMap::default();
        map.push(0x1000, 0x1000, Kind::Usable).expect("in order");
        map.push(0x2000, 0x2000, Kind::ExecutableAndModules).expect("in order");
        map.push(0x4000, 0x1000, Kind::BootloaderReclaimable).expect("in order");
        map
    }

    #[test]
    fn only_memory_kept_for_modules_is_believed() {
        let base = DIRECT_MAP.as_u64();
        let kept = |address, bytes| is_kept(address, bytes, &map());
        assert!(kept(base + 0x2000, 0x2000));
        assert!(kept(base + 0x2345, 1));
        assert!(!kept(base + 0x2000, 0));
        assert!(!kept(base + 0x1fff, 2), "begins in usable memory");
        assert!(!kept(base + 0x3000, 0x1001), "ends in the loader's memory");
        assert!(!kept(0x2000, 0x1000), "a physical address");
        assert!(!kept(base + 0x2000, u64::MAX - base), "wraps");
        assert!(!kept(u64::MAX, 1));
    }

    #[test]
    fn refusals_come_before_the_memory_is_touched() {
        let mut taken = ArrayVec::new();
        let mut refused = |path: &[u8], claim| take(&mut taken, path, claim, &map());
        let (address, bytes) = (0x5000, 7);
        let memory = ModuleError::Memory { address, bytes };
        assert_eq!(refused(b"/boot/good", (address, bytes)), Err(memory));
        assert_eq!(refused(b"/boot/no good", (address, bytes)), Err(ModuleError::Name));
        assert_eq!(refused(b"/boot/hello.elf", (address, bytes)), Err(ModuleError::Duplicate));
        let file: &'static [u8] = sample().leak();
        taken.push(Module { name: ArrayString::from("one").expect("short"), file });
        let again = take(&mut taken, b"one", (address, bytes), &map());
        assert_eq!(again, Err(ModuleError::Duplicate));
    }
}
