//! The pages of a small program in its own address space, and the kernel's that it shares.

use super::Tables;
use anyhow::Result;
use m1_memory::layout;
use m1_memory::paging::access::Access;
use m1_memory::paging::entry::Level;
use m2_usermode::address_space::{CODE, STACK, USER_HEAP};
use std::fmt::Write;
use x86_64::{PhysAddr, VirtAddr};

/// A page of the program or the kernel.
struct Page {
    at: VirtAddr,
    to: u64,
    access: Access,
    name: &'static str,
}

/// Regions and walks, as the console would print them while the program runs.
///
/// # Errors
/// If the mapper refuses a page.
pub fn dump() -> Result<String> {
    let page = layout::PAGE_BYTES;
    let own = |at, to, access, name| Page { at, to, access, name };
    let pages = [
        own(CODE, 0xfe9_4000, Access::USER_CODE, "code of the program"),
        own(STACK.start, 0xfe9_2000, Access::USER_DATA, "its stack"),
        own(STACK.start + page, 0xfe9_3000, Access::USER_DATA, "its stack"),
        own(USER_HEAP.start, 0xfe9_5000, Access::USER_DATA, "its heap"),
        own(layout::IMAGE.start, 0x13_c000, Access::KERNEL_CODE, "kernel text"),
    ];
    let mut tables = Tables::new()?;
    let mut text = String::from("m2> regions\n");
    for Page { at, to, access, name } in &pages {
        tables.map(*at, PhysAddr::new(*to), Level::Pt, *access)?;
        let (first, last) = (at.as_u64(), at.as_u64() + page - 1);
        let _ = writeln!(text, "    {first:#010x}-{last:#010x} {} {name}", access.rights());
    }
    let walks = [
        (CODE + 0x123, "code of the program"),
        (STACK.end - 8, "its stack"),
        (STACK.start - 8, ""),
        (USER_HEAP.start, "its heap"),
        (USER_HEAP.start + page, ""),
        (VirtAddr::new(8), ""),
        (layout::IMAGE.start, "kernel text"),
    ];
    text.extend(walks.map(|(at, name)| tables.walk(at, name)));
    Ok(text)
}
