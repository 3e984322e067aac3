//! The loader refuses what it cannot boot, with one line that says why.
//!
//! Each test spoils a good kernel file or its configuration in one way.

use super::{
    Test,
    bench::Need,
    guest::{explained_by, limits},
};
use crate::{
    boot::{self, BootFile, archive},
    machine::Machine,
    trial::{Guest, Trial},
    verdict::Verdict,
};
use anyhow::{Context, Result, bail, ensure};
use object::{Object, ObjectSegment};
use std::{io::sink, time::Duration};

/// The kernel that is spoiled.
pub(super) const KERNEL: &str = "m0-boot";
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Offsets and sizes in ELF-64 headers (System V ABI, "ELF Header" and "Program
/// Header"). Program headers follow the file header in our kernels.
pub(super) mod elf {
    pub const CLASS: usize = 4;
    pub const DATA: usize = 5;
    pub const TYPE: usize = 16;
    pub const MACHINE: usize = 18;
    pub const ENTRY: usize = 24;
    pub const PHOFF: usize = 32;
    pub const SHOFF: usize = 40;
    pub const PHNUM: usize = 56;
    pub const SHNUM: usize = 60;
    pub const HEADER: usize = 64;
    pub const PROGRAM_HEADER: usize = 56;
    pub const P_OFFSET: usize = 8;
    pub const P_VADDR: usize = 16;
    pub const P_FILESZ: usize = 32;
    pub const P_MEMSZ: usize = 40;
    pub const PT_LOAD: u32 = 1;
}

/// A way to spoil the boot files, and a word of the reason the loader must give.
type Spoiler = fn(&mut Vec<BootFile>) -> Result<()>;

const SPOILERS: [(&str, &str, Spoiler); 15] = [
    ("empty-kernel", "ELF", |files| truncate(files, 0)),
    ("cut-in-file-header", "truncated", |files| truncate(files, elf::HEADER / 2)),
    ("cut-before-program-headers", "truncated", |files| truncate(files, elf::HEADER)),
    ("cut-in-program-headers", "truncated", |files| {
        truncate(files, elf::HEADER + elf::PROGRAM_HEADER / 2)
    }),
    ("cut-before-segments", "truncated", |files| truncate(files, 0x1000)),
    ("not-elf", "ELF", |files| patch(files, 0, b"MZ")),
    ("32-bit", "64-bit", |files| patch(files, elf::CLASS, &[1])),
    ("other-machine", "machine", |files| patch(files, elf::MACHINE, &3_u16.to_le_bytes())),
    ("entry-outside", "entry", |files| {
        patch(files, elf::ENTRY, &0xffff_ffff_f000_0000_u64.to_le_bytes())
    }),
    ("overlapping-segments", "overlap", |files| {
        let first = kernel(files)?[elf::HEADER + elf::P_VADDR..][..8].to_vec();
        patch(files, elf::HEADER + elf::PROGRAM_HEADER + elf::P_VADDR, &first)
    }),
    ("below-the-higher-half", "higher half", |files| {
        patch(files, elf::HEADER + elf::P_VADDR, &0x10_0000_u64.to_le_bytes())
    }),
    ("duplicate-request", "request", |files| duplicate_request(files)),
    ("missing-kernel", "boot/kernel", |files| {
        files.retain(|file| file.path != "boot/kernel");
        Ok(())
    }),
    ("missing-configuration", "limine.conf", |files| {
        files.retain(|file| file.path != "limine.conf");
        Ok(())
    }),
    ("bad-configuration-line", "limine.conf", |files| {
        let config = files.iter_mut().find(|file| file.path == "limine.conf");
        config.context("no limine.conf")?.contents.extend_from_slice(b"    what is this\n");
        Ok(())
    }),
];

/// The fault catalogue's entries for some of them.
const EXPLAINED: [(&str, &str); 8] = [
    ("cut-in-file-header", "loader-truncated"),
    ("not-elf", "loader-not-a-kernel"),
    ("overlapping-segments", "loader-linker-script"),
    ("duplicate-request", "loader-protocol"),
    ("missing-kernel", "loader-missing-file"),
    ("bad-configuration-line", "loader-configuration"),
    (UNKNOWN_REVISION, "panic-handshake"),
    (FIRST_INSTRUCTION, "triple-before-serial"),
];
/// The test in which the kernel refuses, not the loader.
const UNKNOWN_REVISION: &str = "unknown-base-revision";
/// The one in which the kernel dies before it can say anything.
const FIRST_INSTRUCTION: &str = "bad-first-instruction";

/// The entries that these tests prove.
#[cfg(test)]
pub fn explained() -> impl Iterator<Item = &'static str> {
    EXPLAINED.into_iter().map(|(_, id)| id)
}

pub fn tests() -> Vec<Test> {
    let needs = [Need::Emulator, Need::LoaderPvh, Need::Kernel(KERNEL.to_owned())];
    let mut tests: Vec<Test> = SPOILERS
        .into_iter()
        .map(|(name, reason, spoil)| {
            Test::new(format!("loader/refuses/{name}"), needs.clone(), move |bench| {
                match run(bench, name, spoil)? {
                    (Verdict::LoaderRefused { reason: given }, serial) => {
                        ensure!(given.contains(reason), "the reason lacks `{reason}`: {given}");
                        let lines = serial.lines().filter(|line| line.contains(&given)).count();
                        ensure!(lines == 1, "the reason is on {lines} lines of serial:\n{serial}");
                        Ok(())
                    }
                    (other, serial) => bail!("expected a refusal, got {other:?}\n{serial}"),
                }
            })
        })
        .collect();
    // The loader must not act as if it spoke a revision that it does not know; the
    // kernel sees that and says so.
    tests.push(Test::new(format!("loader/{FIRST_INSTRUCTION}"), needs.clone(), |bench| match run(
        bench,
        FIRST_INSTRUCTION,
        |files| break_entry(files),
    )? {
        (Verdict::TripleFault { .. }, serial) if serial.is_empty() => Ok(()),
        (other, serial) => bail!("expected a silent triple fault, got {other:?}\n{serial}"),
    }));
    tests.push(Test::new(format!("loader/{UNKNOWN_REVISION}"), needs, |bench| {
        match run(bench, UNKNOWN_REVISION, |files| raise_base_revision(files))? {
            (Verdict::Panic { message, .. }, _) if message.contains("revision") => Ok(()),
            (other, serial) => {
                bail!("expected a panic about the revision, got {other:?}\n{serial}")
            }
        }
    }));
    tests
}

/// Boots the spoiled files; returns the verdict and the serial output. What the
/// catalogue says must be as in [`EXPLAINED`].
fn run(bench: &super::bench::Bench, name: &str, spoil: Spoiler) -> Result<(Verdict, String)> {
    let guest =
        Guest { title: "spoiled", kernel: bench.kernel(KERNEL)?, cmdline: "", modules: &[] };
    let trial = Trial::fast(&guest, bench.file(&Need::LoaderPvh)?, Machine::default())?;
    let mut files = guest.files(Some(&trial.demands.nonce))?;
    spoil(&mut files)?;
    archive::write(&files, &trial.folder.path().join(boot::ARCHIVE))?;
    let outcome = trial.run(&limits(TIME_LIMIT), &mut sink())?;
    if let Some((_, id)) = EXPLAINED.iter().find(|(spoiled, _)| *spoiled == name) {
        explained_by(id, &trial, &outcome, bench)?;
    }
    Ok((outcome.verdict, outcome.serial))
}

fn kernel(files: &mut [BootFile]) -> Result<&mut Vec<u8>> {
    let file = files.iter_mut().find(|file| file.path == "boot/kernel");
    Ok(&mut file.context("no kernel")?.contents)
}

fn truncate(files: &mut [BootFile], length: usize) -> Result<()> {
    kernel(files)?.truncate(length);
    Ok(())
}

fn patch(files: &mut [BootFile], at: usize, bytes: &[u8]) -> Result<()> {
    kernel(files)?[at..at + bytes.len()].copy_from_slice(bytes);
    Ok(())
}

/// The first half of every request's identifier (Limine protocol, "Requests").
const REQUEST_MAGIC: [u64; 2] = [0xc7b1_dd30_df4c_8b88, 0x0a82_e883_a194_f07b];
/// The first two words of the base revision tag ("Base protocol revisions"); the
/// third is the revision.
const REVISION_MAGIC: [u64; 2] = [0xf956_2b2d_5c95_a6c8, 0x6a7b_3849_4453_6bdc];

/// Makes the second request one of the same kind as the first.
fn duplicate_request(files: &mut [BootFile]) -> Result<()> {
    let kernel = kernel(files)?;
    let found = find_all(kernel, REQUEST_MAGIC);
    let [first, second, ..] = found[..] else { bail!("the kernel has fewer than two requests") };
    kernel.copy_within(first..first + 32, second);
    Ok(())
}

fn raise_base_revision(files: &mut [BootFile]) -> Result<()> {
    let kernel = kernel(files)?;
    let [tag, ..] = find_all(kernel, REVISION_MAGIC)[..] else { bail!("the kernel has no tag") };
    kernel[tag + 16..tag + 24].copy_from_slice(&99_u64.to_le_bytes());
    Ok(())
}

/// Replaces the kernel's first instruction by one that does not exist.
fn break_entry(files: &mut [BootFile]) -> Result<()> {
    const UD2: [u8; 2] = [0x0f, 0x0b];
    let kernel = kernel(files)?;
    let file = object::File::parse(kernel.as_slice())?;
    let mut segments = file.segments();
    let at = segments.find_map(|segment| {
        let offset = file.entry().checked_sub(segment.address())?;
        let (start, length) = segment.file_range();
        (offset < length).then_some(start + offset)
    });
    let at = at.context("no segment holds the entry point")? as usize;
    kernel[at..at + UD2.len()].copy_from_slice(&UD2);
    Ok(())
}

/// Where the two words stand one after the other, on eight-byte boundaries.
fn find_all(bytes: &[u8], words: [u64; 2]) -> Vec<usize> {
    let wanted = [words[0].to_le_bytes(), words[1].to_le_bytes()].concat();
    let last = bytes.len().saturating_sub(wanted.len());
    (0..=last).step_by(8).filter(|&at| bytes[at..].starts_with(&wanted)).collect()
}
