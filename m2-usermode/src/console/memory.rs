//! `regions`, `walk`, `peek`, `frames`, `heap`: what memory is used for.

use super::{Failed, failed};
use core::fmt;
use m0_boot::memory_map::{Kind, MemoryMap};
use m0_boot::{print, println};
use m1_memory::checks as memory_checks;
use m1_memory::frames::{self, Purpose};
use m1_memory::heap;
use m1_memory::layout::PAGE_BYTES;
use m1_memory::paging::access::Rights;
use m1_memory::paging::entry::{Entry, Flags, Level};
use m1_memory::paging::kernel;
use m1_memory::physical::{DirectMap, PhysicalMemory};
use m1_memory::regions as named;
use x86_64::VirtAddr;
use x86_64::registers::control::Cr3;

/// Prints the mapped regions.
pub fn regions() {
    memory_checks::print_regions();
}

/// Prints the entries on the way to `address`, from CR3 on.
///
/// # Errors
/// The address is not canonical, or not mapped.
pub fn walk(address: u64, memory: DirectMap) -> Result<(), Failed> {
    let at = canonical(address)?;
    let (root, _) = Cr3::read();
    println!("CR3   {:#014x}", root.start_address().as_u64());
    let (mut table, mut level, mut rights) = (root.start_address(), Level::Pml4, Rights::ALL);
    loop {
        let index = level.index(at);
        let slot = table + u64::from(index) * size_of::<Entry>() as u64;
        // SAFETY: the tables that CR3 leads to are in RAM, which the direct map
        // holds, and nobody changes them meanwhile.
        let entry = unsafe { memory.pointer(slot).cast::<Entry>().read_volatile() };
        print!("{:<5} entry {index:3} at {:#014x}: ", table_name(level), slot.as_u64());
        if !entry.is_present() {
            println!("not present");
            return Err(failed(format_args!("{address:#x} is not mapped")));
        }
        let (flags, leaf) = (entry.flags(), entry.is_leaf(level));
        let target = if leaf { entry.page(level) } else { entry.address() };
        println!("{:#014x} {}", target.as_u64(), Bits(flags, level));
        rights = rights.through(flags);
        if leaf {
            let physical = target + at.as_u64() % level.entry_bytes();
            let (size, name) = (level.page_name(), named::name_at(at));
            println!("{address:#x} is physical {:#x}, in a page of {size}", physical.as_u64());
            println!("{rights} {name}");
            return Ok(());
        }
        table = target;
        level = level.below().unwrap_or(Level::Pt);
    }
}

fn table_name(level: Level) -> &'static str {
    match level {
        Level::Pml4 => "PML4",
        Level::Pdpt => "PDPT",
        Level::Pd => "PD",
        Level::Pt => "PT",
    }
}

/// The bits that are set, by the manual's letters.
struct Bits(Flags, Level);

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LETTERS: [(Flags, &str); 9] = [
            (Flags::PRESENT, "P"),
            (Flags::WRITABLE, "W"),
            (Flags::USER, "U"),
            (Flags::WRITE_THROUGH, "PWT"),
            (Flags::CACHE_DISABLE, "PCD"),
            (Flags::ACCESSED, "A"),
            (Flags::DIRTY, "D"),
            (Flags::GLOBAL, "G"),
            (Flags::NO_EXECUTE, "NX"),
        ];
        let Self(flags, level) = *self;
        let set = LETTERS.iter().filter(|(flag, _)| flags.contains(*flag));
        for (index, (_, letter)) in set.enumerate() {
            write!(f, "{}{letter}", if index == 0 { "" } else { " " })?;
        }
        match (flags.contains(Flags::LARGE), level) {
            (true, Level::Pt) => f.write_str(" PAT"),
            (true, _) => f.write_str(" PS"),
            (false, _) => Ok(()),
        }
    }
}

/// Bytes in a line of `peek`.
const ROW_BYTES: u64 = 16;

/// Prints `bytes` bytes from `address` on, if all of them are the kernel's RAM.
/// It asks the page tables first, and so never faults.
///
/// # Errors
/// The first page that must not be read, and why.
pub fn peek(address: u64, bytes: u64, map: &MemoryMap) -> Result<(), Failed> {
    let start = canonical(address)?;
    let Some(last) = address.checked_add(bytes - 1) else {
        return Err(failed(format_args!("the address space ends before {bytes} bytes do")));
    };
    let last = canonical(last)?;
    let mut page = start.align_down(PAGE_BYTES);
    while page <= last {
        readable(page.max(start), map)?;
        let Ok(next) = VirtAddr::try_new(page.as_u64().wrapping_add(PAGE_BYTES)) else { break };
        if next < page {
            break; // the last page of all
        }
        page = next;
    }
    let mut row = address;
    while row <= last.as_u64() {
        print_row(row, (last.as_u64() - row + 1).min(ROW_BYTES));
        let Some(next) = row.checked_add(ROW_BYTES) else { break };
        row = next;
    }
    Ok(())
}

/// Whether the page of `address` is RAM that ring 0 may read.
fn readable(address: VirtAddr, map: &MemoryMap) -> Result<(), Failed> {
    let shown = address.as_u64();
    let Some(found) = kernel::translate(address) else {
        let place = named::locate(shown);
        return Err(failed(format_args!("{shown:#x} is not mapped: {place}")));
    };
    if found.rights().user {
        return Err(failed(format_args!("{shown:#x} is a program's; SMAP keeps the kernel out")));
    }
    let physical = found.physical;
    let holds = |region: &&m0_boot::memory_map::Region| {
        region.start <= physical && physical < region.end && is_ram(region.kind)
    };
    match map.iter().find(holds) {
        Some(_) => Ok(()),
        None => Err(failed(format_args!(
            "{shown:#x} is physical {:#x}, which is no RAM: reading a device may change it",
            physical.as_u64()
        ))),
    }
}

fn is_ram(kind: Kind) -> bool {
    match kind {
        Kind::Usable
        | Kind::AcpiReclaimable
        | Kind::BootloaderReclaimable
        | Kind::ExecutableAndModules => true,
        Kind::Reserved | Kind::AcpiNvs | Kind::Bad | Kind::Framebuffer => false,
    }
}

fn print_row(address: u64, bytes: u64) {
    // SAFETY: `peek` made sure that these bytes are mapped for reading.
    let byte = |offset| unsafe { ((address + offset) as *const u8).read_volatile() };
    print!("{address:#018x} ");
    for offset in 0..ROW_BYTES {
        match offset < bytes {
            true => print!(" {:02x}", byte(offset)),
            false => print!("   "),
        }
    }
    print!("  ");
    for offset in 0..bytes {
        let shown = match byte(offset) {
            letter @ b' '..=b'~' => char::from(letter),
            _ => '.',
        };
        print!("{shown}");
    }
    println!();
}

fn canonical(address: u64) -> Result<VirtAddr, Failed> {
    VirtAddr::try_new(address)
        .map_err(|_| failed(format_args!("{address:#x} is not canonical: bits 63 to 47 differ")))
}

/// Prints the frames by purpose.
///
/// # Errors
/// Two ways to count them disagree.
pub fn frames() -> Result<(), Failed> {
    let (figures, census) = (frames::statistics(), frames::census());
    let row =
        |name, count: u64| println!("{name:<14} {count:>9} {:>10} KiB", count * PAGE_BYTES / 1024);
    println!("{:<14} {:>9} {:>14}", "purpose", "frames", "size");
    for purpose in Purpose::ALL {
        row(purpose.name(), census.taken_for(purpose));
    }
    row("reserved", census.reserved);
    row("free", census.free);
    row("all", figures.total);
    println!("at most {} were in use at a time", figures.peak);
    for (order, &blocks) in (0u32..).zip(&census.free_by_order).filter(|(_, blocks)| **blocks > 0) {
        println!("    free blocks of {:>6} frames: {blocks}", 1u64 << order);
    }
    memory_checks::census().map_err(|objection| failed(format_args!("{objection}")))
}

/// Prints the heap's figures.
///
/// # Errors
/// The heap's records contradict each other.
pub fn heap() -> Result<(), Failed> {
    let figures = heap::statistics();
    println!("mapped  {:>10} bytes of the kernel heap's range", figures.mapped_bytes);
    println!("in use  {:>10} bytes, {} at most", figures.used_bytes, figures.peak_bytes);
    println!(
        "asked   {:>10} times, {} in vain, {} refused in interrupt handlers",
        figures.allocations, figures.failures, figures.refused
    );
    let summary = heap::audit().map_err(|violation| failed(format_args!("{violation}")))?;
    for class in summary.classes.iter().filter(|class| class.slabs > 0) {
        println!(
            "    blocks of {:>5} bytes: {} in use, {} at hand, {} fit into {} slabs",
            class.block_bytes, class.live, class.cached, class.capacity, class.slabs
        );
    }
    println!("    large blocks: {} in {} bytes", summary.large, summary.large_bytes);
    println!("    free runs: {} bytes mapped, {} not", summary.free_bytes, summary.unmapped_bytes);
    println!("the audit found no contradiction");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_named_as_in_the_manual() {
        let flags = Flags::PRESENT | Flags::WRITABLE | Flags::NO_EXECUTE | Flags::LARGE;
        assert_eq!(Bits(flags, Level::Pd).to_string(), "P W NX PS");
        assert_eq!(Bits(flags, Level::Pt).to_string(), "P W NX PAT");
    }
}
