//! The machine state at entry (Limine protocol, "Machine state at entry").

use limine::{memory_map::EntryType, paging::Mode};
use x86_64::{
    instructions::{port::Port, tables},
    registers::{
        control::{Cr0, Cr0Flags, Cr4, Cr4Flags, Efer, EferFlags},
        model_specific::Msr,
    },
};

use crate::{
    entry::{self, REGISTERS, SELECTORS},
    requests::{self, ENTRY_POINT, PAGING_MODE, STACK, STACK_SIZE, hhdm},
    run::check,
};

/// The least stack, whatever is asked for.
const MIN_STACK: u64 = 64 * 1024;

/// RFLAGS: interrupts enabled, direction, virtual 8086 mode.
const FORBIDDEN_FLAGS: u64 = 1 << 9 | 1 << 10 | 1 << 17;

pub fn registers() {
    let state = entry::state();
    for (name, value) in REGISTERS.iter().zip(state.registers) {
        check!(name, value == 0, "{value:#x} instead of 0");
    }
    let flags = state.rflags;
    check!("rflags", flags & FORBIDDEN_FLAGS == 0, "IF, DF or VM is set: {flags:#x}");
    let address = state.return_address;
    check!("return-address", address == 0, "{address:#x} instead of 0");
}

pub fn control_registers() {
    let cr0 = Cr0::read();
    let wanted = Cr0Flags::PAGING | Cr0Flags::PROTECTED_MODE_ENABLE | Cr0Flags::WRITE_PROTECT;
    check!("cr0", cr0.contains(wanted), "{cr0:?} lacks one of {wanted:?}");
    let cr4 = Cr4::read();
    check!("cr4", cr4.contains(Cr4Flags::PHYSICAL_ADDRESS_EXTENSION), "{cr4:?} lacks PAE");
    let efer = Efer::read();
    let wanted =
        EferFlags::LONG_MODE_ENABLE | EferFlags::LONG_MODE_ACTIVE | EferFlags::NO_EXECUTE_ENABLE;
    check!("efer", efer.contains(wanted), "{efer:?} lacks one of {wanted:?}");
    let mode = PAGING_MODE.get_response().map(|response| response.mode());
    check!("paging-mode", mode == Some(Mode::FOUR_LEVEL), "not 4-level paging");
    check!("no-la57", !cr4.contains(Cr4Flags::L5_PAGING), "{cr4:?}");
}

/// A descriptor without its accessed bit and the bits that 64-bit mode ignores.
struct Expected {
    name: &'static str,
    mask: u64,
    value: u64,
}

/// All but the accessed bit, and the bit that is for the system's own use.
const EXACT: u64 = !(1 << 40 | 1 << 52);
/// Present, DPL, S, type without accessed, L and D bits.
const ACCESS_AND_MODE: u64 = 0x0060_fe00_0000_0000;

const DESCRIPTORS: [Expected; 7] = [
    Expected { name: "null", mask: !0, value: 0 },
    Expected { name: "code-16", mask: EXACT, value: 0x0000_9a00_0000_ffff },
    Expected { name: "data-16", mask: EXACT, value: 0x0000_9200_0000_ffff },
    Expected { name: "code-32", mask: EXACT, value: 0x00cf_9a00_0000_ffff },
    Expected { name: "data-32", mask: EXACT, value: 0x00cf_9200_0000_ffff },
    Expected { name: "code-64", mask: ACCESS_AND_MODE, value: 0x0020_9a00_0000_0000 },
    Expected { name: "data-64", mask: 0x0000_fe00_0000_0000, value: 0x0000_9200_0000_0000 },
];

pub fn gdt() {
    let register = tables::sgdt();
    let limit = usize::from(register.limit);
    check!("limit", limit >= size_of_val(&[0u64; DESCRIPTORS.len()]) - 1, "{limit}");
    let base: *const u64 = register.base.as_ptr();
    for (index, expected) in DESCRIPTORS.iter().enumerate() {
        // SAFETY: the CPU itself uses this table, and the limit was checked.
        let found = unsafe { base.add(index).read() };
        let fits = found & expected.mask == expected.value;
        check!(expected.name, fits, "{found:#018x} instead of {:#018x}", expected.value);
    }
    let state = entry::state();
    for (name, selector) in SELECTORS.iter().zip(state.selectors) {
        let wanted = if *name == "cs" { 5 * 8 } else { 6 * 8 };
        check!(name, selector == wanted, "{selector:#x} instead of {wanted:#x}");
    }
}

pub fn stack() {
    let rsp = entry::state().rsp;
    check!("stack-request-answered", STACK.get_response().is_some(), "no response");
    check!("aligned-as-after-a-call", rsp % 16 == 8, "RSP {rsp:#x}");
    for (name, size) in [("64-kib", MIN_STACK), ("as-requested", STACK_SIZE)] {
        // The return address has been pushed, and the stack begins above it.
        let bottom = (rsp + 8 - size) as *const u8;
        let kind = requests::entry_of_direct(bottom, size).map(|entry| entry.entry_type);
        let fits = kind == Some(EntryType::BOOTLOADER_RECLAIMABLE);
        check!(name, fits, "{size} bytes below {rsp:#x} are not all reclaimable");
    }
}

pub fn interrupts_masked() {
    for (name, port) in [("pic-1", 0x21), ("pic-2", 0xa1)] {
        // SAFETY: reading a mask touches no memory.
        let mask = unsafe { Port::<u8>::new(port).read() };
        check!(name, mask == 0xff, "mask {mask:#04x}");
    }
    // Where every PC has its first IO APIC (82093AA data sheet, sec. 3.0).
    let base = hhdm() + 0xfec0_0000;
    let (select, window) = (base as *mut u32, (base + 0x10) as *mut u32);
    // SAFETY: the first 4 GiB are in the direct map, and with them the IO APIC.
    let read = |register| unsafe {
        select.write_volatile(register);
        window.read_volatile()
    };
    let last = (read(1) >> 16) & 0xff;
    let open = (0..=last).find(|line| {
        let entry = read(0x10 + 2 * line);
        entry & (1 << 16) == 0 && (entry >> 8) & 0b111 <= 1
    });
    check!("io-apic", last > 0 && open.is_none(), "{last} lines, {open:?} is not masked");
}

pub fn pat() {
    // SAFETY: every 64-bit CPU of QEMU has the register.
    let layout = unsafe { Msr::new(0x277).read() };
    let expected = [6, 4, 7, 0, 5, 1];
    let found = layout.to_le_bytes();
    check!("pat", found.starts_with(&expected), "{found:?} instead of {expected:?}");
}

pub fn entry_point() {
    check!("entry-point-answered", ENTRY_POINT.get_response().is_some(), "no response");
    let entered = entry::state().entered_at;
    check!("requested-entry", entered == 1, "entered at the file's entry point");
}
