//! Interrupt controllers, silenced before the kernel runs (Limine protocol,
//! "Machine state at entry").

use x86_64::{
    PhysAddr,
    instructions::port::PortWriteOnly,
    registers::model_specific::{ApicBase, ApicBaseFlags},
};

/// Data ports of the two 8259A, where a write sets the mask (8259A data sheet,
/// "Operation Command Words").
const PIC_DATA: [u16; 2] = [0x21, 0xa1];
const MASK_ALL: u8 = 0xff;

/// IO APIC: window registers (82093AA data sheet, sec. 3.1 "Memory Mapped
/// Registers for Accessing IOAPIC Registers").
const SELECT: u64 = 0x00;
const WINDOW: u64 = 0x10;
/// IO APIC: indirect registers (sec. 3.2 "IOAPIC Registers").
const VERSION: u32 = 0x01;
const REDIRECTION: u32 = 0x10;
/// Fields of a redirection entry's low half.
const DELIVERY_MODE: u32 = 0b111 << 8;
const LOWEST_PRIORITY: u32 = 0b001 << 8;
const MASKED: u32 = 1 << 16;

/// Local APIC: the timer's entry in the local vector table (Intel SDM, vol.
/// 3A, sec. 11.5.1 "Local Vector Table").
const LOCAL_TIMER: u64 = 0x320;

/// Masks every line of both 8259A.
pub fn mask_pic() {
    for port in PIC_DATA {
        // SAFETY: the ports are the 8259A's on every PC and unused elsewhere;
        // masking touches no memory, and no handler relies on interrupts now.
        unsafe { PortWriteOnly::new(port).write(MASK_ALL) };
    }
}

/// Masks the lines of an IO APIC that deliver ordinary interrupts (modes fixed
/// and lowest priority; SMI, NMI, INIT and ExtINT stay).
///
/// # Safety
/// There is an IO APIC at `base`, mapped at its own address.
pub unsafe fn mask_io_apic(base: PhysAddr) {
    let select = (base.as_u64() + SELECT) as *mut u32;
    let window = (base.as_u64() + WINDOW) as *mut u32;
    // SAFETY: by the function's condition these are the chip's two window
    // registers; nothing else uses them while the loader runs.
    let read = |register| unsafe {
        select.write_volatile(register);
        window.read_volatile()
    };
    let last = (read(VERSION) >> 16) & 0xff;
    for line in 0..=last {
        let register = REDIRECTION + 2 * line;
        let entry = read(register);
        if entry & DELIVERY_MODE <= LOWEST_PRIORITY {
            // SAFETY: as for `read`; `select` still names the register.
            unsafe { window.write_volatile(entry | MASKED) };
        }
    }
}

/// Masks the local APIC's timer, which newer UEFI firmware leaves running.
///
/// # Safety
/// The local APIC, if in use and not in x2APIC mode, is mapped at its own
/// address.
pub unsafe fn mask_local_timer() {
    let (frame, flags) = ApicBase::read();
    if !flags.contains(ApicBaseFlags::LAPIC_ENABLE) || flags.contains(ApicBaseFlags::X2APIC_ENABLE)
    {
        return;
    }
    let entry = (frame.start_address() + LOCAL_TIMER).as_u64() as *mut u32;
    // SAFETY: by the function's condition this is the timer's entry.
    unsafe { entry.write_volatile(entry.read_volatile() | MASKED) };
}
