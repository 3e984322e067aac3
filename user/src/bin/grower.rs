//! Grows its heap page by page, as many pages as its argument says (0 is 64), and
//! checks that each is new, zero, and its own.

#![cfg_attr(target_os = "none", no_std, no_main)]

use core::ptr::NonNull;
use user::{Error, println, syscall};

user::entry!(grow);

const PAGE_BYTES: usize = 4096;
const PAGE_WORDS: usize = PAGE_BYTES / size_of::<u64>();

fn grow(argument: u64) -> i32 {
    let pages = if argument == 0 { 64 } else { argument };
    match try_to_grow(pages) {
        Ok(start) => {
            println!("{pages} pages from {start:p} on, each zero at first and then its own");
            0
        }
        Err(reason) => {
            println!("the heap is not as it should be: {reason:?}");
            1
        }
    }
}

/// What was not as it should be.
#[derive(Debug)]
#[allow(dead_code, reason = "`Debug` shows what is in them")]
enum Reason {
    Refused(Error),
    NotAtTheEnd { expected: *mut u8, found: *mut u8 },
    NotZero { page: u64, word: u64 },
    NotKept { page: u64, word: u64 },
    NotRefused,
}

fn try_to_grow(pages: u64) -> Result<NonNull<u8>, Reason> {
    let start = syscall::grow(0).map_err(Reason::Refused)?;
    let mut end = start;
    for page in 0..pages {
        // Part of a page counts as a whole one.
        let found = syscall::grow(PAGE_BYTES - page as usize % 8).map_err(Reason::Refused)?;
        if found != end {
            return Err(Reason::NotAtTheEnd { expected: end.as_ptr(), found: found.as_ptr() });
        }
        // SAFETY: the kernel has just mapped this page for us.
        let words = unsafe { found.cast::<[u64; PAGE_WORDS]>().as_mut() };
        if let Some(&word) = words.iter().find(|&&word| word != 0) {
            return Err(Reason::NotZero { page, word });
        }
        words.fill(!page);
        // SAFETY: one past the end of the page.
        end = unsafe { found.add(PAGE_BYTES) };
    }
    for page in 0..pages {
        // SAFETY: all these pages were mapped above, one after the other.
        let words =
            unsafe { start.add(page as usize * PAGE_BYTES).cast::<[u64; PAGE_WORDS]>().as_ref() };
        if let Some(&word) = words.iter().find(|&&word| word != !page) {
            return Err(Reason::NotKept { page, word });
        }
    }
    // More than the address space has room for, and nothing changes.
    match syscall::grow(1 << 40) {
        Err(Error::NoMemory) if syscall::grow(0) == Ok(end) => Ok(start),
        _ => Err(Reason::NotRefused),
    }
}
