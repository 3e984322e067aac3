//! More of what the loader refuses, beside [`refusals`](super::refusals): every
//! boundary of the kernel file, what a linker script can get wrong, outdated
//! base revisions, and a configuration or an archive that is not as it should
//! be. Serial output must be the one line of the reason and nothing else.

use super::{
    Test,
    bench::{Bench, Need},
    guest::{explained_by, limits},
    refusals::{KERNEL, TIME_LIMIT, elf},
};
use crate::{
    boot::{self, BootFile, archive},
    machine::Machine,
    trial::{Guest, Trial},
    verdict::Verdict,
};
use anyhow::{Context, Result, bail, ensure};
use std::{fs, io::sink};

/// The first two words of the base revision tag (Limine protocol, "Base protocol
/// revisions"); the third is the revision.
const REVISION_MAGIC: [u64; 2] = [0xf956_2b2d_5c95_a6c8, 0x6a7b_3849_4453_6bdc];

/// A size no machine of the tests has.
const TOO_LARGE: u64 = 1 << 30;

/// Spoils the kernel's file.
type KernelSpoiler = fn(&mut Vec<u8>) -> Result<()>;

/// A way to spoil what is booted.
#[derive(Clone, Copy)]
enum Spoil {
    Kernel(KernelSpoiler),
    /// Lines added to the configuration.
    Configuration(&'static str),
    Archive(fn(&mut Vec<u8>)),
}

/// Name, words of the reason that the loader must give, what is done.
const SPOILS: &[(&str, &str, Spoil)] = &[
    ("cut-in-section-headers", "truncated ELF file", Spoil::Kernel(|kernel| cut(kernel, 1))),
    ("cut-in-a-segment", "truncated ELF file", Spoil::Kernel(cut_in_first_segment)),
    ("big-endian", "little-endian", Spoil::Kernel(|kernel| put(kernel, elf::DATA, &[2]))),
    ("object-file", "ELF type 1", Spoil::Kernel(|kernel| put(kernel, elf::TYPE, &[1]))),
    ("no-segments", "no loadable segment", Spoil::Kernel(|kernel| unload(kernel))),
    (
        "address-overflow",
        "exceeds the address space",
        Spoil::Kernel(|kernel| put_in(kernel, 0, elf::P_MEMSZ, u64::MAX - 0xfff)),
    ),
    (
        "larger-in-the-file",
        "larger in the file than in memory",
        Spoil::Kernel(|kernel| put_in(kernel, 0, elf::P_MEMSZ, 1)),
    ),
    ("shared-page", "share the page", Spoil::Kernel(|kernel| share_page(kernel))),
    (
        "not-enough-memory",
        "kernel image: not enough memory",
        Spoil::Kernel(|kernel| put_in(kernel, 2, elf::P_MEMSZ, TOO_LARGE)),
    ),
    (
        "base-revision-0",
        "base revision 0 is no longer supported",
        Spoil::Kernel(|kernel| revise(kernel, 16, 0)),
    ),
    (
        "base-revision-1",
        "base revision 1 is no longer supported",
        Spoil::Kernel(|kernel| revise(kernel, 16, 1)),
    ),
    ("no-base-revision", "no base revision tag", Spoil::Kernel(|kernel| revise(kernel, 0, 0))),
    ("unknown-option", "unknown option `colour`", Spoil::Configuration("    colour: red\n")),
    ("other-protocol", "protocol `linux`", Spoil::Configuration("    protocol: linux\n")),
    ("other-volume", "path `hdd():/k`", Spoil::Configuration("    module_path: hdd():/k\n")),
    (
        "missing-module",
        "module /boot/absent not found",
        Spoil::Configuration("    module_path: boot():/boot/absent\n"),
    ),
    ("archive-cut", "the archive ends too early", Spoil::Archive(|bytes| bytes.truncate(700))),
    ("archive-checksum", "wrong header checksum", Spoil::Archive(|bytes| bytes[0] ^= 1)),
    ("archive-of-junk", "not a ustar header", Spoil::Archive(|bytes| bytes.fill(b'x'))),
];

/// The fault catalogue's entries for some reasons.
const EXPLAINED: [(&str, &str); 2] = [
    ("kernel image: not enough memory", "loader-memory"),
    ("not a ustar header", "loader-refused"),
];

/// The entries that these tests prove.
#[cfg(test)]
pub fn explained() -> impl Iterator<Item = &'static str> {
    EXPLAINED.into_iter().map(|(_, id)| id)
}

pub fn tests() -> Vec<Test> {
    let needs = [Need::Emulator, Need::LoaderPvh, Need::Kernel(KERNEL.to_owned())];
    let mut tests: Vec<Test> = SPOILS
        .iter()
        .map(|&(name, reason, spoil)| {
            Test::new(format!("loader/refuses/{name}"), needs.clone(), move |bench| {
                expect_refusal(bench, spoil, reason)
            })
        })
        .collect();
    tests.push(Test::new("loader/refuses/cut-at-every-header", needs, |bench| {
        // One byte short of each header's end, and right behind it.
        let cuts: [KernelSpoiler; 8] = [
            |kernel| keep(kernel, elf::HEADER - 1),
            |kernel| keep(kernel, elf::HEADER),
            |kernel| keep(kernel, elf::HEADER + elf::PROGRAM_HEADER - 1),
            |kernel| keep(kernel, elf::HEADER + elf::PROGRAM_HEADER),
            |kernel| keep(kernel, elf::HEADER + 2 * elf::PROGRAM_HEADER - 1),
            |kernel| keep(kernel, elf::HEADER + 2 * elf::PROGRAM_HEADER),
            |kernel| keep(kernel, elf::HEADER + 3 * elf::PROGRAM_HEADER - 1),
            |kernel| keep(kernel, elf::HEADER + 3 * elf::PROGRAM_HEADER),
        ];
        for cut in cuts {
            expect_refusal(bench, Spoil::Kernel(cut), "truncated ELF file")?;
        }
        Ok(())
    }));
    tests
}

/// Boots what is spoiled; the loader must give the reason in one line.
fn expect_refusal(bench: &Bench, spoil: Spoil, reason: &str) -> Result<()> {
    let guest =
        Guest { title: "spoiled", kernel: bench.kernel(KERNEL)?, cmdline: "", modules: &[] };
    let trial = Trial::fast(&guest, bench.file(&Need::LoaderPvh)?, Machine::default())?;
    let mut files = guest.files(Some(&trial.demands.nonce))?;
    let output = trial.folder.path().join(boot::ARCHIVE);
    match spoil {
        Spoil::Kernel(spoil) => spoil(find(&mut files, "boot/kernel")?)?,
        Spoil::Configuration(lines) => {
            find(&mut files, "limine.conf")?.extend_from_slice(lines.as_bytes());
        }
        Spoil::Archive(_) => {}
    }
    archive::write(&files, &output)?;
    if let Spoil::Archive(spoil) = spoil {
        let mut bytes = fs::read(&output).context("cannot read the archive back")?;
        spoil(&mut bytes);
        fs::write(&output, bytes).context("cannot write the spoiled archive")?;
    }
    let outcome = trial.run(&limits(TIME_LIMIT), &mut sink())?;
    let Verdict::LoaderRefused { reason: given } = &outcome.verdict else {
        bail!("expected a refusal, got {:?}\n{}", outcome.verdict, outcome.serial);
    };
    ensure!(given.contains(reason), "the reason lacks `{reason}`: {given}");
    let line = format!("loader: error: {given}");
    let serial = outcome.serial.trim_end();
    ensure!(serial == line, "serial output is not `{line}` alone:\n{serial}");
    if let Some((_, id)) = EXPLAINED.iter().find(|(explained, _)| *explained == reason) {
        explained_by(id, &trial, &outcome, bench)?;
    }
    Ok(())
}

fn find<'f>(files: &'f mut [BootFile], path: &str) -> Result<&'f mut Vec<u8>> {
    let file = files.iter_mut().find(|file| file.path == path);
    Ok(&mut file.with_context(|| format!("no {path}"))?.contents)
}

fn keep(kernel: &mut Vec<u8>, length: usize) -> Result<()> {
    ensure!(length < kernel.len(), "the kernel is shorter than {length} bytes already");
    kernel.truncate(length);
    Ok(())
}

fn cut(kernel: &mut Vec<u8>, bytes: usize) -> Result<()> {
    keep(kernel, kernel.len() - bytes)
}

fn put(kernel: &mut [u8], at: usize, bytes: &[u8]) -> Result<()> {
    let place = kernel.get_mut(at..at + bytes.len()).context("the kernel is too short")?;
    place.copy_from_slice(bytes);
    Ok(())
}

fn word(kernel: &[u8], at: usize) -> Result<u64> {
    let bytes = kernel.get(at..).and_then(|rest| rest.first_chunk());
    Ok(u64::from_le_bytes(*bytes.context("the kernel is too short")?))
}

/// Where the headers of the loadable segments are.
fn loads(kernel: &[u8]) -> Result<Vec<usize>> {
    let start = word(kernel, elf::PHOFF)? as usize;
    let count = usize::from(kernel[elf::PHNUM]);
    let headers = (0..count).map(|index| start + index * elf::PROGRAM_HEADER);
    Ok(headers.filter(|&at| kernel[at..].starts_with(&elf::PT_LOAD.to_le_bytes())).collect())
}

/// Sets a field of the `index`-th loadable segment's header.
fn put_in(kernel: &mut [u8], index: usize, field: usize, value: u64) -> Result<()> {
    let header = *loads(kernel)?.get(index).context("the kernel has too few segments")?;
    put(kernel, header + field, &value.to_le_bytes())
}

/// Takes the last byte of the first segment, and with it all that follows. The
/// section headers are disowned first, for they would be missed before.
fn cut_in_first_segment(kernel: &mut Vec<u8>) -> Result<()> {
    let header = *loads(kernel)?.first().context("the kernel has no segment")?;
    let end = word(kernel, header + elf::P_OFFSET)? + word(kernel, header + elf::P_FILESZ)?;
    put(kernel, elf::SHOFF, &[0; 8])?;
    put(kernel, elf::SHNUM, &[0; 2])?;
    keep(kernel, end as usize - 1)
}

/// Makes no segment a loadable one.
fn unload(kernel: &mut [u8]) -> Result<()> {
    loads(kernel)?.into_iter().try_for_each(|header| put(kernel, header, &[0; 4]))
}

/// Moves the second segment right behind the first one's last byte.
fn share_page(kernel: &mut [u8]) -> Result<()> {
    let header = *loads(kernel)?.first().context("the kernel has no segment")?;
    let size = word(kernel, header + elf::P_MEMSZ)?;
    // A segment that fills its pages would have no page to share.
    put_in(kernel, 0, elf::P_FILESZ, size - 1)?;
    put_in(kernel, 0, elf::P_MEMSZ, size - 1)?;
    let end = word(kernel, header + elf::P_VADDR)? + size - 1;
    put_in(kernel, 1, elf::P_VADDR, end)
}

/// Sets a word of the base revision tag.
fn revise(kernel: &mut [u8], offset: usize, value: u64) -> Result<()> {
    let tag = REVISION_MAGIC.map(u64::to_le_bytes).concat();
    let found = kernel.windows(tag.len()).position(|bytes| bytes == tag);
    put(kernel, found.context("the kernel has no tag")? + offset, &value.to_le_bytes())
}
