//! Whole preparations over simulated memory, read back as a kernel reads them.

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
    let entries: Vec<[u64; 3]> =
        (0..count).map(|index| outcome.words(outcome.words::<1>(list + index * 8)[0])).collect();
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
