//! `idt`, `gdt`, `ticks`, `reboot`: the CPU's tables and the machine around it.

use core::fmt;
use m0_boot::vector::Vector;
use m0_boot::{clock, irq, pit, println, traps};
use x86_64::VirtAddr;
use x86_64::instructions::port::Port;
use x86_64::instructions::tables::{sgdt, sidt};
use x86_64::structures::DescriptorTablePointer;

/// The words of a table that the CPU uses, by index; None beyond its limit.
struct Words {
    base: VirtAddr,
    bytes: u64,
}

impl Words {
    /// # Safety
    /// The register holds a table of the kernel's own, which nobody changes.
    unsafe fn of(pointer: DescriptorTablePointer) -> Self {
        let DescriptorTablePointer { limit, base } = pointer;
        Self { base, bytes: u64::from(limit) + 1 }
    }

    fn get(&self, index: u64) -> Option<u64> {
        const WORD: u64 = size_of::<u64>() as u64;
        let inside = (index + 1) * WORD <= self.bytes;
        // SAFETY: below the limit, in a table of the kernel's own (`of`).
        inside.then(|| unsafe { (self.base + index * WORD).as_ptr::<u64>().read_volatile() })
    }
}

/// Prints the gates of the exceptions, and of all vectors that were used.
pub fn idt() {
    // SAFETY: `m0_boot::idt` has loaded its static table, once.
    let words = unsafe { Words::of(sidt()) };
    println!("IDT at {:#x}, {} gates", words.base.as_u64(), words.bytes / 16);
    println!("vector  handler             selector  IST  DPL  raised");
    let mut others = 0;
    for number in 0..=u8::MAX {
        let index = u64::from(number) * 2;
        let (Some(low), Some(high)) = (words.get(index), words.get(index + 1)) else { return };
        let (vector, gate) = (Vector(number), Gate { low, high });
        let raised = traps::count(vector);
        if vector.exception().is_none() && raised == 0 {
            others += u64::from(gate.is_present());
            continue;
        }
        match (vector.exception(), irq::Line::from_vector(vector)) {
            (Some((_, name)), _) => println!("{number:6}  {gate}  {raised:6}  {name}"),
            (None, Some(line)) => println!("{number:6}  {gate}  {raised:6}  {line:?}"),
            (None, None) => println!("{number:6}  {gate}  {raised:6}"),
        }
    }
    println!("and {others} gates of vectors that were never raised");
}

/// A gate as the CPU reads it (Intel SDM Vol. 3A, Figure 7-8 "64-Bit IDT Gate
/// Descriptors").
struct Gate {
    low: u64,
    high: u64,
}

impl Gate {
    fn is_present(&self) -> bool {
        self.low >> 47 & 1 != 0
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_present() {
            return write!(f, "{:<38}", "not present");
        }
        let offset = (self.low & 0xffff) | (self.low >> 48) << 16 | (self.high & 0xffff_ffff) << 32;
        let selector = self.low >> 16 & 0xffff;
        let (ist, dpl) = (self.low >> 32 & 0b111, self.low >> 45 & 0b11);
        write!(f, "{offset:#018x}     {selector:#06x}  {ist:3}  {dpl:3}")
    }
}

/// Prints the segment descriptors and the stacks in the TSS.
pub fn gdt() {
    // SAFETY: `crate::gdt` has loaded its static table, once.
    let words = unsafe { Words::of(sgdt()) };
    println!("GDT at {:#x}, {} bytes", words.base.as_u64(), words.bytes);
    let mut index = 0;
    while let Some(low) = words.get(index) {
        let descriptor = Descriptor(low);
        println!("{:#04x}  {low:#018x}  {descriptor}", index * 8);
        if low != 0 && descriptor.is_system() {
            // The upper half of a base of 64 bits follows.
            let base = descriptor.base() | words.get(index + 1).unwrap_or(0) << 32;
            println!("      its TSS is at {base:#x}, {} bytes", descriptor.limit() + 1);
            print_stacks(base);
            index += 1;
        }
        index += 1;
    }
}

/// Prints the stacks in the TSS at `base` (Intel SDM Vol. 3A, Figure 9-11 "64-Bit
/// TSS Format").
fn print_stacks(base: u64) {
    const RSP0: u64 = 4;
    const IST1: u64 = 36;
    // SAFETY: `crate::gdt` has loaded this TSS, which is longer than that; its words
    // are not aligned.
    let word = |offset| unsafe { ((base + offset) as *const u64).read_unaligned() };
    println!("      RSP0 {:#018x}", word(RSP0));
    for number in 1..=7 {
        let stack = word(IST1 + (number - 1) * 8);
        if stack != 0 {
            println!("      IST{number} {stack:#018x}");
        }
    }
}

/// A segment descriptor (Intel SDM Vol. 3A, 3.4.5 "Segment Descriptors").
struct Descriptor(u64);

impl Descriptor {
    /// S is 0: no code or data, but the TSS of 16 bytes.
    fn is_system(&self) -> bool {
        self.0 >> 44 & 1 == 0
    }

    fn base(&self) -> u64 {
        (self.0 >> 16 & 0x00ff_ffff) | (self.0 >> 56) << 24
    }

    fn limit(&self) -> u64 {
        (self.0 & 0xffff) | (self.0 >> 48 & 0xf) << 16
    }
}

impl fmt::Display for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bit = |number: u32| self.0 >> number & 1 != 0;
        if self.0 == 0 {
            return f.write_str("null");
        }
        let ring = self.0 >> 45 & 0b11;
        let what = match (self.is_system(), bit(43)) {
            (true, _) if bit(41) => "64-bit TSS, busy",
            (true, _) => "64-bit TSS, available",
            (false, true) if bit(53) => "code, 64-bit",
            (false, true) => "code",
            (false, false) => "data",
        };
        let present = if bit(47) { "" } else { ", not present" };
        write!(f, "{what}, ring {ring}{present}")
    }
}

/// Prints the timer's count and the time.
pub fn ticks() {
    let (ns, ticks) = (clock::now_ns(), pit::ticks());
    println!("{ticks} ticks at {} Hz since the timer was started", pit::TICK_HZ);
    println!(
        "{}.{:06} s since the boot, by the time-stamp counter",
        ns / 1_000_000_000,
        ns / 1000 % 1_000_000
    );
    println!("{} spurious interrupts", irq::spurious_count());
}

/// Resets the machine.
pub fn reboot() -> ! {
    /// The chipset's reset control register (Intel ICH9 data sheet, 13.7.5 "RST_CNT").
    const RESET_CONTROL: u16 = 0xcf9;
    /// "System Reset", and with "Reset CPU" it happens.
    const SYSTEM_RESET: u8 = 1 << 1;
    const RESET_CPU: u8 = 1 << 2;
    let mut control = Port::<u8>::new(RESET_CONTROL);
    // SAFETY: nothing of this kernel is needed any more.
    unsafe {
        control.write(SYSTEM_RESET);
        control.write(SYSTEM_RESET | RESET_CPU);
    }
    loop {
        x86_64::instructions::hlt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_taken_apart_as_m0_puts_them_together() {
        let gate = Gate { low: 0x8123_ee03_0008_4567, high: 0xffff_ffff };
        assert_eq!(gate.to_string(), "0xffffffff81234567     0x0008    3    3");
        assert_eq!(Gate { low: 0, high: 0 }.to_string().trim_end(), "not present");
    }

    #[test]
    fn descriptors_are_named() {
        assert_eq!(Descriptor(0).to_string(), "null");
        assert_eq!(Descriptor(0x0020_9b00_0000_0000).to_string(), "code, 64-bit, ring 0");
        assert_eq!(Descriptor(0x0000_f300_0000_0000).to_string(), "data, ring 3");
        let tss = Descriptor(0x8100_8b23_4560_0067);
        assert_eq!(tss.to_string(), "64-bit TSS, busy, ring 0");
        assert_eq!((tss.base(), tss.limit()), (0x8123_4560, 0x67));
    }
}
