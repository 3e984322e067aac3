//! Programs in ELF files, which the loader brought: each runs and gives back what
//! it took; files that are no programs stay out.

use crate::memory;
use alloc::string::ToString;
use alloc::vec::Vec;
use m1_memory::frames::{self, FrameError};
use m1_memory::layout::PAGE_BYTES;
use m2_usermode::address_space::{
    AddressSpace, CODE, KERNEL_RESERVE, STACK, SpaceError, USER_HEAP,
};
use m2_usermode::process::{ExitStatus, Process};
use m2_usermode::program::{self, Kind, NoSuchProgram, Program};
use shared::cases::{Case, expect, expect_eq};

/// Every case of this module.
pub const CASES: &[Case] = &[
    ("program-greeter", || runs("greeter", 42, 0)),
    ("program-panicker", || runs("panicker", 0, 101)),
    ("program-sleeper", || runs("sleeper", 30, 0)),
    ("program-grower", || runs("grower", 300, 0)),
    ("program-twins", || runs("twins", 0, 0)),
    ("program-family", || runs("family", 0, 0)),
    ("program-floats", || runs("floats", 0, 0)),
    ("program-fuzz", || runs("fuzz", 500 << 32 | 20_261_122, 0)),
    ("programs-all-known", all_known),
    ("programs-bad-modules", bad_modules),
    ("programs-file-in-memory", file_in_memory),
    ("programs-heap-and-reserve", heap_and_reserve),
    ("programs-out-of-memory", out_of_memory),
];

fn found(name: &str) -> Program {
    program::find(name).unwrap_or_else(|error| panic!("{error}"))
}

fn space(program: &Program) -> AddressSpace {
    AddressSpace::new(program, memory()).unwrap_or_else(|error| panic!("{error}"))
}

/// The program exits with `code`, also the second time, which costs no frame.
fn runs(name: &str, argument: u64, code: i32) {
    let program = found(name);
    let run = || {
        let process = Process::new(&program, memory()).unwrap_or_else(|error| panic!("{error}"));
        let running = process.with_argument(argument).start();
        let running = running.unwrap_or_else(|error| panic!("{error}"));
        running.wait().unwrap_or_else(|error| panic!("{error}")).status
    };
    expect_eq("status", run(), ExitStatus::Exited(code));
    let before = frames::statistics().used;
    expect_eq("status-again", run(), ExitStatus::Exited(code));
    expect_eq("no-frame-lost", frames::statistics().used, before);
}

/// Programs of both kinds are known, each by one name.
fn all_known() {
    let mut names: Vec<_> = program::all().map(|program| program.name()).collect();
    for (name, kind) in [("hello", Kind::Flat), ("greeter", Kind::Elf), ("fuzz", Kind::Elf)] {
        expect_eq(name, found(name).kind(), kind);
    }
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    expect_eq("names-are-unique", names.len(), count);
    let refused = program::find("nobody").err();
    expect_eq("nobody", refused, Some(NoSuchProgram("nobody")));
    let message = refused.map(|error| error.to_string()).unwrap_or_default();
    let all_named = names.iter().all(|name| message.contains(*name));
    expect("all-are-named", all_named, &message);
}

/// `guest.toml` gives this boot modules that are no programs, or no new ones.
fn bad_modules() {
    for name in ["text", "empty", "header", "two words"] {
        expect_eq(name, program::find(name).err(), Some(NoSuchProgram(name)));
    }
    expect_eq("hello-stays-the-kernel's", found("hello").kind(), Kind::Flat);
    expect("greeter-stays-the-first", found("greeter").code().len() > 1000, "it was replaced");
    runs("greeter", 0, 0);
}

/// A file's segments are in memory with their rights, relocated, and described.
fn file_in_memory() {
    let program = found("twins");
    let before = frames::statistics().used;
    let mut twins = space(&program);
    let regions = twins.user_regions();
    let rights: Vec<_> = regions.iter().map(|region| region.rights.to_string()).collect();
    expect_eq("rights", rights, ["r-xu-", "r--u-", "rw-u-", "rw-u-"].map(str::to_string).into());
    expect("kernel-half", twins.shares_kernel_half(), "the upper half is not the kernel's");
    expect("kernel-closed", !twins.exposes_kernel(), "the kernel's half is open to ring 3");
    let entry = twins.entry();
    let executable = twins.translate(entry).is_some_and(|to| to.rights().execute);
    expect("entry", executable && entry >= CODE, format_args!("{entry:#x} is not executable"));
    let place = |space: &AddressSpace, address: u64| space.describe(address).to_string();
    for (name, address, expected) in [
        ("code", CODE.as_u64(), "code of `twins`, r-x"),
        ("constants", regions[1].start.as_u64(), "constants of `twins`, r--"),
        ("data", regions[2].start.as_u64(), "data of `twins`, rw-"),
        ("stack", STACK.start.as_u64(), "its stack"),
        ("guard", STACK.start.as_u64() - 1, "guard page below its stack"),
        ("no-heap", USER_HEAP.start.as_u64(), "past the end of its heap"),
        ("kernel", file_in_memory as *const () as u64, "kernel: image"),
    ] {
        expect_eq(name, place(&twins, address).as_str(), expected);
    }
    expect_eq("grows", twins.grow_heap(1), Ok(USER_HEAP.start));
    expect_eq("heap", place(&twins, USER_HEAP.start.as_u64()).as_str(), "its heap");
    drop(twins);
    expect_eq("no-frame-lost", frames::statistics().used, before);
}

/// A heap takes all frames but the kernel's reserve, and gives them back.
fn heap_and_reserve() {
    let free = || frames::statistics().free();
    let mut space = space(&found("hello"));
    let before = free();
    let whole = space.grow_heap((before - KERNEL_RESERVE) * PAGE_BYTES);
    expect_eq("tables-count", whole, Err(SpaceError::Frames(FrameError::OutOfMemory)));
    expect_eq("all-or-nothing", free(), before);
    let far = space.grow_heap(USER_HEAP.end - USER_HEAP.start + 1);
    expect("beyond-the-room", far.is_err(), "it grew beyond its room");
    let mut end = USER_HEAP.start;
    for pages in [4096, 256, 16, 1] {
        while let Ok(start) = space.grow_heap(pages * PAGE_BYTES) {
            expect_eq("at-the-end", start, end);
            end += pages * PAGE_BYTES;
        }
    }
    // The last page may have needed a table, and there was none left for it.
    let left = free();
    let reserve = KERNEL_RESERVE..=KERNEL_RESERVE + 1;
    expect("reserve", reserve.contains(&left), format_args!("{left} frames are left"));
    let other = AddressSpace::new(&found("hello"), memory()).err();
    expect("no-other-program", other.is_some(), "a program was loaded from the reserve");
    expect_eq("tells-its-end", space.grow_heap(0), Ok(end));
    drop(space);
    expect("given-back", free() > before, format_args!("{} frames are free", free()));
}

/// Loading a file until nothing is left is an error that keeps no frame.
fn out_of_memory() {
    let program = found("twins");
    let round = || {
        let mut spaces = Vec::with_capacity(4096);
        let error = loop {
            match AddressSpace::new(&program, memory()) {
                Ok(space) => spaces.push(space),
                Err(error) => break error,
            }
        };
        m0_boot::println!("refused: {error}");
        spaces.len()
    };
    let count = round();
    let before = frames::statistics().used;
    expect_eq("as-many-again", round(), count);
    expect_eq("no-frame-lost", frames::statistics().used, before);
    runs("twins", 0, 0);
}
