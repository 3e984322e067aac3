//! Answering the requests: for each feature the response's contents, placed in
//! loader memory, and its address stored into the request.

use arrayvec::ArrayVec;
use x86_64::VirtAddr;

use crate::{
    address::{HHDM, PhysRange, direct},
    arena::{Arena, ArenaFull},
    conf::MAX_MODULES,
    files::BootFiles,
    launch::{LoadedFile, Machine},
    memory::PhysMemory,
    requests::{Id, RESPONSE_FIELD, Requests, id},
    responses::{Empty, File, Framebuffer, MemoryMapEntry, Pair, Single},
};

/// `LIMINE_PAGING_MODE_X86_64_4LVL`.
pub const PAGING_MODE_4_LEVEL: u64 = 0;

/// The loader's name in Bootloader Info.
const NAME: &str = "Myria loader";

/// What the answers are made of.
pub struct Facts<'f, 'a> {
    /// The machine, with all memory taken.
    pub machine: &'f Machine,
    /// What was booted.
    pub files: &'f BootFiles<'a>,
    /// Where the kernel is loaded.
    pub place: PhysRange,
    /// The modules in memory.
    pub modules: ArrayVec<LoadedFile<'a>, MAX_MODULES>,
    /// The executable in memory, if it was asked for.
    pub executable: Option<LoadedFile<'a>>,
}

/// Answers every request that can be, and acknowledges the base revision.
///
/// # Errors
/// The arena was made too small.
pub fn answer<M: PhysMemory>(
    arena: &mut Arena<'_, M>,
    facts: &Facts,
    requests: &Requests,
) -> Result<(), ArenaFull> {
    let base = facts.place.start();
    for request in &requests.requests {
        // A request that is not answered is left as it is.
        if let Some(response) = respond(arena, facts, request.id)? {
            arena.memory().write_u64(base + request.offset + RESPONSE_FIELD, response.as_u64());
        }
    }
    if let Some(offset) = requests.revision_to_clear {
        arena.memory().write_u64(base + offset, 0);
    }
    Ok(())
}

/// Places the response to one request.
fn respond<M: PhysMemory>(
    arena: &mut Arena<'_, M>,
    facts: &Facts,
    id: Id,
) -> Result<Option<VirtAddr>, ArenaFull> {
    let machine = facts.machine;
    let value = match id {
        id::STACK_SIZE | id::ENTRY_POINT => return arena.place(&Empty { revision: 0 }).map(Some),
        id::BOOTLOADER_INFO => {
            let name = arena.place_text(NAME, "")?;
            let version = arena.place_text(env!("CARGO_PKG_VERSION"), "")?;
            return pair(arena, name.as_u64(), version.as_u64());
        }
        id::EXECUTABLE_ADDRESS => {
            let virtual_base = facts.files.image.base().as_u64();
            return pair(arena, facts.place.start().as_u64(), virtual_base);
        }
        id::MEMORY_MAP => return memory_map(arena, facts),
        id::MODULE => return modules(arena, facts),
        id::FRAMEBUFFER => return framebuffer(arena, facts),
        id::FIRMWARE_TYPE => Some(machine.firmware_type),
        id::HHDM => Some(HHDM.as_u64()),
        id::PAGING_MODE => Some(PAGING_MODE_4_LEVEL),
        id::RSDP => machine.rsdp.map(|address| direct(address).as_u64()),
        id::EFI_SYSTEM_TABLE => machine.system_table.map(|address| direct(address).as_u64()),
        id::DATE_AT_BOOT => machine.boot_time.map(i64::cast_unsigned),
        id::EXECUTABLE_CMDLINE => Some(arena.place_text(facts.files.kernel.cmdline, "")?.as_u64()),
        id::EXECUTABLE_FILE => match &facts.executable {
            Some(loaded) => Some(file(arena, loaded)?.as_u64()),
            None => None,
        },
        _ => None,
    };
    value.map(|value| arena.place(&Single { revision: 0, value })).transpose()
}

fn pair<M: PhysMemory>(
    arena: &mut Arena<'_, M>,
    first: u64,
    second: u64,
) -> Result<Option<VirtAddr>, ArenaFull> {
    arena.place(&Pair { revision: 0, first, second }).map(Some)
}

fn memory_map<M: PhysMemory>(
    arena: &mut Arena<'_, M>,
    facts: &Facts,
) -> Result<Option<VirtAddr>, ArenaFull> {
    let mut regions = facts.machine.map.regions().peekable();
    let pointers = arena.place_pointers(facts.machine.map.regions().count())?;
    let mut count = 0;
    while let Some(first) = regions.next() {
        let (base, kind) = (first.range.start(), first.kind.protocol_type());
        let mut end = first.range.end();
        // Regions that differ to the loader may be of one type to the kernel.
        while let Some(next) =
            regions.next_if(|next| next.range.start() == end && next.kind.protocol_type() == kind)
        {
            end = next.range.end();
        }
        let entry = MemoryMapEntry { base: base.as_u64(), length: end - base, kind };
        let entry = arena.place(&entry)?;
        arena.set(&pointers, count, entry);
        count += 1;
    }
    pair(arena, count as u64, pointers.address().as_u64())
}

fn modules<M: PhysMemory>(
    arena: &mut Arena<'_, M>,
    facts: &Facts,
) -> Result<Option<VirtAddr>, ArenaFull> {
    // Limine 8.2 leaves the request alone then, and kernels shall see the same.
    if facts.modules.is_empty() {
        return Ok(None);
    }
    let pointers = arena.place_pointers(facts.modules.len())?;
    for (index, module) in facts.modules.iter().enumerate() {
        let file = file(arena, module)?;
        arena.set(&pointers, index, file);
    }
    // Revision 0: modules that the kernel itself names are not loaded.
    pair(arena, facts.modules.len() as u64, pointers.address().as_u64())
}

fn framebuffer<M: PhysMemory>(
    arena: &mut Arena<'_, M>,
    facts: &Facts,
) -> Result<Option<VirtAddr>, ArenaFull> {
    let Some(screen) = facts.machine.framebuffer else {
        return Ok(None);
    };
    let screen = Framebuffer { address: HHDM.as_u64() + screen.address, ..screen };
    let screen = arena.place(&screen)?;
    let pointers = arena.place_pointers(1)?;
    arena.set(&pointers, 0, screen);
    // Revision 0: without the list of other video modes.
    pair(arena, 1, pointers.address().as_u64())
}

fn file<M: PhysMemory>(
    arena: &mut Arena<'_, M>,
    loaded: &LoadedFile,
) -> Result<VirtAddr, ArenaFull> {
    let path = arena.place_text("/", loaded.file.path)?;
    let cmdline = arena.place_text(loaded.file.cmdline, "")?;
    arena.place(&File {
        address: direct(loaded.address).as_u64(),
        size: loaded.file.contents.len() as u64,
        path: path.as_u64(),
        cmdline: cmdline.as_u64(),
        ..File::default()
    })
}
