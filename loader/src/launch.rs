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
mod tests {
    use super::*;
    use crate::{
        address::HHDM,
        archive::{Archive, tests::pack},
        files::gather,
        image::HIGHER_HALF,
        memory::Simulated,
        test_kernel::{Kernel, RX},
    };

    const CONF: &[u8] = b"/x\nprotocol: limine\npath: boot():/k\ncmdline: a=b\n\
        module_path: boot():/m\nmodule_cmdline: of m\n";

    /// A kernel's requests: the base revision, then identifiers with fields.
    fn requests(revision: u64, asked: &[(Id, &[u64])]) -> Vec<u8> {
        let tag = [0xf956_2b2d_5c95_a6c8, 0x6a7b_3849_4453_6bdc, revision];
        let mut words = tag.to_vec();
        for (Id(id), fields) in asked {
            words.extend([0xc7b1_dd30_df4c_8b88, 0x0a82_e883_a194_f07b]);
            words.extend(id);
            words.extend([1, 0]);
            words.extend(*fields);
        }
        words.into_iter().flat_map(u64::to_le_bytes).collect()
    }

    /// Offset of the requests in the loaded image, and of the n-th response
    /// pointer if no request has fields.
    const REQUESTS: u64 = 0x2000;
    const fn response(index: u64) -> u64 {
        REQUESTS + 24 + index * 48 + requests::RESPONSE_FIELD
    }

    struct Outcome {
        memory: Simulated,
        result: Result<Prepared, String>,
    }

    impl Outcome {
        /// A word of the loaded image, which is the first thing allocated.
        fn image_word(&self, offset: u64) -> u64 {
            self.memory.read_u64(PhysAddr::new(0x10_0000 + offset))
        }

        /// The words that a pointer in the direct map points to.
        fn words<const N: usize>(&self, pointer: u64) -> [u64; N] {
            let start = pointer.checked_sub(HHDM.as_u64()).expect("a direct map address");
            let word = |index| self.memory.read_u64(PhysAddr::new(start + index as u64 * 8));
            core::array::from_fn(word)
        }

        fn text(&self, pointer: u64) -> String {
            let start = (pointer - HHDM.as_u64()) as usize;
            let bytes = self.memory.bytes[start..].iter().take_while(|&&byte| byte != 0);
            String::from_utf8(bytes.copied().collect()).unwrap()
        }
    }

    fn boot(kernel: &Kernel) -> Outcome {
        boot_in(kernel, 0x100_0000)
    }

    fn boot_in(kernel: &Kernel, end: u64) -> Outcome {
        let archive = pack(&[("limine.conf", CONF), ("k", &kernel.file()), ("m", b"module")]);
        let files = gather(&mut Archive::new(&archive)).unwrap();
        let mut memory = Simulated::new(0x100_0000);
        let mut map = MemoryMap::new();
        map.mark(PhysRange::from_length(0x10_0000, end - 0x10_0000), Kind::Usable).unwrap();
        map.mark(PhysRange::from_length(0xf000_0000, 0x1000), Kind::Reserved).unwrap();
        let machine = Machine {
            map,
            features: PagingFeatures { no_execute: true, gib_pages: true, pat: true },
            firmware_type: 0,
            rsdp: Some(PhysAddr::new(0xe_0000)),
            system_table: None,
            framebuffer: None,
            boot_time: Some(77),
            trampoline: PhysRange::from_length(0x9_0000, 0x100),
        };
        let result = prepare(&mut memory, machine, &files).map_err(|error| error.to_string());
        Outcome { memory, result }
    }

    fn refusal(kernel: &Kernel) -> String {
        boot(kernel).result.expect_err("refused")
    }

    #[test]
    fn plain_answers_are_stored_into_the_requests() {
        let asked = [
            (id::HHDM, &[][..]),
            (id::BOOTLOADER_INFO, &[]),
            (id::EXECUTABLE_ADDRESS, &[]),
            (id::EXECUTABLE_CMDLINE, &[]),
            (id::RSDP, &[]),
            (id::DATE_AT_BOOT, &[]),
            (id::EFI_SYSTEM_TABLE, &[]),
            (id::FRAMEBUFFER, &[]),
            (Id([1, 2]), &[]),
        ];
        let outcome = boot(&Kernel::fixed(&requests(2, &asked)));
        assert!(outcome.result.is_ok(), "{:?}", outcome.result);
        let answer = |index| outcome.image_word(response(index));
        assert_eq!(outcome.words(answer(0)), [0, HHDM.as_u64()]);
        let [_, name, version] = outcome.words(answer(1));
        assert_eq!(outcome.text(name), "Myria loader");
        assert_eq!(outcome.text(version), env!("CARGO_PKG_VERSION"));
        assert_eq!(outcome.words(answer(2)), [0, 0x10_0000, HIGHER_HALF]);
        let [_, cmdline] = outcome.words(answer(3));
        assert_eq!(outcome.text(cmdline), "a=b");
        assert_eq!(outcome.words(answer(4)), [0, HHDM.as_u64() + 0xe_0000]);
        assert_eq!(outcome.words(answer(5)), [0, 77]);
        assert_eq!([answer(6), answer(7), answer(8)], [0; 3], "left as they were");
        assert_eq!(outcome.image_word(REQUESTS + 16), 0, "the revision is acknowledged");
    }

    #[test]
    fn files_are_copied_to_pages_of_their_own() {
        let kernel = Kernel::fixed(&requests(2, &[(id::MODULE, &[]), (id::EXECUTABLE_FILE, &[])]));
        let outcome = boot(&kernel);
        let [_, count, list] = outcome.words(outcome.image_word(response(0)));
        assert_eq!(count, 1);
        let [module] = outcome.words(list);
        let [_, address, size, path, cmdline] = outcome.words(module);
        assert!(address.is_multiple_of(0x1000));
        assert_eq!((outcome.text(address), size), ("module".into(), 6));
        assert_eq!(outcome.text(path), "/m");
        assert_eq!(outcome.text(cmdline), "of m");
        let [_, file] = outcome.words(outcome.image_word(response(1)));
        let [_, address, size] = outcome.words(file);
        let start = (address - HHDM.as_u64()) as usize;
        assert_eq!(outcome.memory.bytes[start..start + size as usize], kernel.file());
    }

    #[test]
    fn the_map_shows_every_allocation() {
        let outcome = boot(&Kernel::fixed(&requests(2, &[(id::MEMORY_MAP, &[])])));
        let prepared = outcome.result.clone().unwrap();
        let [_, count, list] = outcome.words(outcome.image_word(response(0)));
        let entries: Vec<[u64; 3]> = (0..count)
            .map(|index| outcome.words(outcome.words::<1>(list + index * 8)[0]))
            .collect();
        let kind_of = |address: VirtAddr| {
            let phys = address.as_u64() - HHDM.as_u64();
            let holds = |[base, length, _]: &&[u64; 3]| (*base..base + length).contains(&phys);
            entries.iter().find(holds).map(|[_, _, kind]| *kind)
        };
        assert_eq!(kind_of(direct(PhysAddr::new(0x10_0000))), Some(6), "the image");
        for address in [prepared.stack_top - 8, prepared.gdt, direct(prepared.root)] {
            assert_eq!(kind_of(address), Some(5), "{address:#x}");
        }
        assert_eq!(kind_of(direct(PhysAddr::new(0xff_f000))), Some(0), "the rest is usable");
        assert!(entries.windows(2).all(|pair| pair[0][0] + pair[0][1] <= pair[1][0]));
    }

    #[test]
    fn the_entry_point_and_the_stack_are_as_requested() {
        let entry = HIGHER_HALF + 0x20;
        let asked = [(id::ENTRY_POINT, &[entry][..]), (id::STACK_SIZE, &[0x5_0000])];
        let prepared = boot(&Kernel::fixed(&requests(2, &asked))).result.unwrap();
        assert_eq!(prepared.entry.as_u64(), entry);
        let plain = boot(&Kernel::fixed(&requests(2, &[]))).result.unwrap();
        assert_eq!(plain.entry.as_u64(), HIGHER_HALF + 0x10);
        assert_eq!(prepared.stack_top - plain.stack_top, 0x5_0000 - MIN_STACK);
    }

    #[test]
    fn a_newer_base_revision_boots_unacknowledged() {
        let outcome = boot(&Kernel::fixed(&requests(3, &[])));
        assert!(outcome.result.is_ok());
        assert_eq!(outcome.image_word(REQUESTS + 16), 3);
    }

    #[test]
    fn wishes_that_cannot_be_met_are_refused() {
        let with = |id, fields: &[u64]| refusal(&Kernel::fixed(&requests(2, &[(id, fields)])));
        assert!(with(id::ENTRY_POINT, &[HIGHER_HALF + 0x1000]).contains("entry point"));
        assert!(with(id::PAGING_MODE, &[1, 1, 1]).contains("5-level paging"));
        assert!(with(id::STACK_SIZE, &[1 << 40]).contains("kernel stack: not enough memory"));
        assert!(with(id::STACK_SIZE, &[u64::MAX]).contains("kernel stack: not enough memory"));
        let old = refusal(&Kernel::fixed(&requests(1, &[])));
        assert!(old.contains("base revision 1 is no longer supported"), "{old}");
    }

    /// Whatever the amount of memory, the outcome is a boot or a reason.
    #[test]
    fn running_out_of_memory_anywhere_is_an_error() {
        let mut kernel = Kernel::fixed(&requests(2, &[(id::EXECUTABLE_FILE, &[])]));
        kernel.parts[0].flags = RX;
        let mut reasons = std::collections::BTreeSet::new();
        for pages in 1..80 {
            match boot_in(&kernel, 0x10_0000 + pages * 0x1000).result {
                Ok(_) => drop(reasons.insert("booted".to_owned())),
                Err(reason) => {
                    assert!(reason.contains("not enough memory"), "{reason}");
                    let purpose = reason.split(':').next().unwrap_or_default();
                    reasons.insert(purpose.to_owned());
                }
            }
        }
        let expected = [
            "booted",
            "copy of the executable",
            "kernel image",
            "kernel stack",
            "module",
            "page tables",
            "responses",
        ];
        assert_eq!(reasons.into_iter().collect::<Vec<_>>(), expected);
    }
}
