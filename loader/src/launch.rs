//! From boot files and a machine to the moment before the kernel runs: load,
//! find the requests, build the page tables, answer.
//!
//! All of it works on [`PhysMemory`], so the host tests run the whole of it.

use arrayvec::ArrayVec;
use x86_64::{PhysAddr, VirtAddr};

use crate::{
    address::{PhysRange, direct},
    answers::{self, Facts},
    arena::Arena,
    error::LoadError,
    files::{BootFile, BootFiles},
    gdt,
    memory::PhysMemory,
    memory_map::{CAPACITY, Kind, MemoryMap},
    paging::{PageTables, PagingFeatures},
    requests::{self, FIRST_FIELD, Id, REVISION_FIELD, Requests, id},
    responses::Framebuffer,
};

/// The least stack a kernel gets (Limine protocol, "Machine state at entry").
pub const MIN_STACK: u64 = 64 * 1024;

/// The machine as its firmware left it.
#[derive(Debug)]
pub struct Machine {
    /// Memory, with the loader's own parts marked.
    pub map: MemoryMap,
    /// What its CPU can do.
    pub features: PagingFeatures,
    /// How it was started: the protocol's `LIMINE_FIRMWARE_TYPE_*`.
    pub firmware_type: u64,
    /// The ACPI root pointer.
    pub rsdp: Option<PhysAddr>,
    /// The EFI system table.
    pub system_table: Option<PhysAddr>,
    /// The screen; its address is physical.
    pub framebuffer: Option<Framebuffer>,
    /// UNIX time.
    pub boot_time: Option<i64>,
    /// The code that makes the jump, of the bare-metal module `handoff`.
    pub trampoline: PhysRange,
}

/// All that the jump to the kernel needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// For CR3.
    pub root: PhysAddr,
    /// The top-level entry that maps the trampoline at its own address.
    pub trampoline_entry: VirtAddr,
    /// The GDT.
    pub gdt: VirtAddr,
    /// The end of the stack.
    pub stack_top: VirtAddr,
    /// The first instruction.
    pub entry: VirtAddr,
    /// What the CPU can do.
    pub features: PagingFeatures,
}

/// A module or the executable, copied to memory that stays the kernel's.
#[derive(Clone, Copy, Debug)]
pub struct LoadedFile<'a> {
    /// What the configuration says of it.
    pub file: BootFile<'a>,
    /// Where its contents are.
    pub address: PhysAddr,
}

/// Loads everything and answers every request.
///
/// # Errors
/// Why the kernel cannot be booted.
pub fn prepare<'a, M: PhysMemory>(
    memory: &mut M,
    mut machine: Machine,
    files: &BootFiles<'a>,
) -> Result<Prepared, LoadError<'a>> {
    let image = &files.image;
    let map = &mut machine.map;
    let place = take(map, image.size(), Kind::ExecutableAndModules, "kernel image")?;
    image.load(memory, place);
    let requests = requests::scan(memory, place)?;
    let wish = Wishes::read(memory, place, &requests);
    if wish.minimum_paging_mode > answers::PAGING_MODE_4_LEVEL {
        return Err(LoadError::PagingMode);
    }
    let entry = wish.entry.unwrap_or(image.entry().as_u64());
    if !image.is_code(entry) {
        return Err(LoadError::EntryPoint { entry });
    }

    let mut modules = ArrayVec::new();
    for file in &files.modules {
        modules.push(copy(memory, map, file, "module")?);
    }
    let executable = match wish.executable_file {
        true => Some(copy(memory, map, &files.kernel, "copy of the executable")?),
        false => None,
    };
    let stack_size = wish.stack_size.max(MIN_STACK);
    let stack = take(map, stack_size, Kind::LoaderReclaimable, "kernel stack")?;
    let answers = take(map, answers_size(files), Kind::LoaderReclaimable, "responses")?;

    let mut tables = PageTables::new(memory, map, machine.features)?;
    tables.map_direct()?;
    tables.map_image(image, place)?;
    let trampoline_entry = tables.map_trampoline(machine.trampoline)?;
    let root = tables.root();

    let mut arena = Arena::new(memory, answers);
    let gdt = arena.place(&gdt::ENTRIES).map_err(|_| LoadError::Responses)?;
    let facts = Facts { machine: &machine, files, place, modules, executable };
    answers::answer(&mut arena, &facts, &requests).map_err(|_| LoadError::Responses)?;
    Ok(Prepared {
        root,
        trampoline_entry,
        gdt,
        stack_top: direct(stack.end()),
        entry: VirtAddr::new(entry),
        features: machine.features,
    })
}

/// What the requests ask for before they can be answered.
struct Wishes {
    stack_size: u64,
    entry: Option<u64>,
    executable_file: bool,
    minimum_paging_mode: u64,
}

impl Wishes {
    fn read(memory: &impl PhysMemory, place: PhysRange, requests: &Requests) -> Self {
        let find = |id: Id| requests.requests.iter().find(|request| request.id == id);
        let field = |id, field| {
            let at = find(id)?.offset + field;
            (at + 8 <= place.len()).then(|| memory.read_u64(place.start() + at))
        };
        let has_minimum = field(id::PAGING_MODE, REVISION_FIELD).is_some_and(|it| it >= 1);
        let minimum = field(id::PAGING_MODE, FIRST_FIELD + 16).filter(|_| has_minimum);
        Self {
            stack_size: field(id::STACK_SIZE, FIRST_FIELD).unwrap_or(0),
            entry: field(id::ENTRY_POINT, FIRST_FIELD),
            executable_file: find(id::EXECUTABLE_FILE).is_some(),
            minimum_paging_mode: minimum.unwrap_or(answers::PAGING_MODE_4_LEVEL),
        }
    }
}

/// Copies a file to pages of its own that stay the kernel's.
fn copy<'a>(
    memory: &mut impl PhysMemory,
    map: &mut MemoryMap,
    file: &BootFile<'a>,
    purpose: &'static str,
) -> Result<LoadedFile<'a>, LoadError<'a>> {
    let size = file.contents.len() as u64;
    // An empty file has an address, too.
    let place = take(map, size.max(1), Kind::ExecutableAndModules, purpose)?;
    memory.write(place.start(), file.contents);
    memory.zero(PhysRange::new(place.start() + size, place.end()));
    Ok(LoadedFile { file: *file, address: place.start() })
}

fn take(
    map: &mut MemoryMap,
    bytes: u64,
    kind: Kind,
    purpose: &'static str,
) -> Result<PhysRange, LoadError<'static>> {
    map.allocate(bytes, kind).map_err(|error| LoadError::Memory { purpose, error })
}

/// An upper bound of what [`answers::answer`] places.
fn answers_size(files: &BootFiles) -> u64 {
    const FIXED: usize = 4096;
    const PER_REGION: usize = 24 + 8;
    const PER_FILE: usize = size_of::<crate::responses::File>() + 8 + 32;
    let all = files.modules.iter().chain([&files.kernel]);
    let text: usize = all.map(|file| PER_FILE + file.path.len() + 2 * file.cmdline.len()).sum();
    (FIXED + CAPACITY * PER_REGION + text) as u64
}

#[cfg(test)]
mod tests;
