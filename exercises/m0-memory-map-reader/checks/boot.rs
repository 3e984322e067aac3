//! The map of a real machine, and the RAM it promises.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering::SeqCst};
use harness::{Check, Checked, Trial};
use m0_boot::handshake::{self, BootInfo};
use m0_boot::memory_map::{self, CAPACITY};
use m0_memory_map_reader::{Entry, Kind, holes, largest_usable, usable_bytes};

shared::host_main!("cargo xtask check m0-memory-map-reader");

const CHECKS: &[Check] = &[Check { name: "real-map", body: real_map }];

/// The loader jumps here.
#[cfg_attr(target_os = "none", unsafe(no_mangle))]
pub extern "C" fn kernel_entry() -> ! {
    harness::boot::m0(CHECKS)
}

/// The loader's map in the exercise's words.
fn entries(boot: &BootInfo) -> ([Entry; CAPACITY], usize) {
    let mut entries = [Entry { base: 0, length: 0, kind: Kind::Reserved }; CAPACITY];
    let mut count = 0;
    for (entry, region) in entries.iter_mut().zip(boot.memory_map.iter()) {
        let kind = match region.kind {
            memory_map::Kind::Usable => Kind::Usable,
            memory_map::Kind::AcpiReclaimable | memory_map::Kind::AcpiNvs => Kind::Acpi,
            memory_map::Kind::BootloaderReclaimable => Kind::Loader,
            memory_map::Kind::ExecutableAndModules => Kind::Kernel,
            _ => Kind::Reserved,
        };
        *entry = Entry { base: region.start.as_u64(), length: region.size_bytes(), kind };
        count += 1;
    }
    (entries, count)
}

fn real_map(trial: &mut Trial) -> Checked {
    let boot = match handshake::accept() {
        Ok(boot) => boot,
        Err(error) => return trial.fail(format_args!("the loader's answers: {error}")),
    };
    let (entries, count) = entries(&boot);
    let map = &entries[..count];
    trial.given("entries", count);

    let total = boot.memory_map.total_bytes(memory_map::Kind::Usable);
    trial.equal_hex("usable bytes, as the kernel's own map has them", usable_bytes(map), total)?;

    let Some(largest) = largest_usable(map) else {
        return trial.fail("this machine has usable memory, but `largest_usable` finds none");
    };
    let usable = |entry: &&Entry| entry.kind == Kind::Usable;
    let length = map.iter().filter(usable).map(|entry| entry.length).max().unwrap_or(0);
    trial.equal_hex("the length of the largest usable entry", largest.length, length)?;
    trial.holds(map.contains(&largest), "`largest_usable` returned an entry not in the map")?;
    is_ram(trial, &boot, largest)?;

    gaps(trial, map)
}

/// Words in the entry must hold what is written to them.
fn is_ram(trial: &mut Trial, boot: &BootInfo, entry: Entry) -> Checked {
    const WORD: u64 = size_of::<u64>() as u64;
    let words = entry.length / WORD;
    for index in [0, words - 1, trial.random.below(words), trial.random.below(words)] {
        let (address, value) = (entry.base + index * WORD, trial.random.bits());
        // SAFETY: the entry is a usable one of the loader's map (checked before), so
        // nobody uses the word, and the loader has mapped it in its direct map.
        let word = unsafe { AtomicU64::from_ptr((boot.hhdm + address).as_mut_ptr()) };
        word.store(value, SeqCst);
        let message = format_args!("RAM at {address:#x} holds what is written to it");
        trial.equal_hex(message, word.load(SeqCst), value)?;
    }
    Ok(())
}

/// Holes come in order, and lie where the map says nothing; with the entries they cover
/// everything from its start to its end.
fn gaps(trial: &mut Trial, map: &[Entry]) -> Checked {
    let (mut bytes, mut last, mut ordered, mut covered) = (0u64, 0, true, false);
    holes(map, &mut |hole: Range<u64>| {
        ordered &= last <= hole.start && hole.start < hole.end;
        last = hole.end;
        bytes = bytes.wrapping_add(hole.end.wrapping_sub(hole.start));
        covered |= map.iter().any(|entry| hole.start < entry.end() && entry.base < hole.end);
    });
    trial.holds(ordered, "a hole is empty, or begins below the one before it")?;
    trial.holds(!covered, "a hole covers an entry of the map")?;
    let (mut expected, mut reached) = (0, map.first().map_or(0, Entry::end));
    for entry in map {
        expected += entry.base.saturating_sub(reached);
        reached = reached.max(entry.end());
    }
    trial.equal_hex("the bytes in all holes of this machine's map", bytes, expected)
}
