//! Raises every exception that ring 0 software can raise without a TSS of its own.

use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use m0_boot::idt::StackIndex;
use m0_boot::traps;
use m0_boot::vector::Vector;
use shared::cases::expect_eq;
use x86_64::VirtAddr;
use x86_64::instructions::segmentation::{CS, Segment};
use x86_64::instructions::tables::{lgdt, lidt, load_tss};
use x86_64::registers::control::{Cr0, Cr0Flags};
use x86_64::registers::rflags::{self, RFlags};
use x86_64::structures::DescriptorTablePointer;
use x86_64::structures::gdt::SegmentSelector;

/// Canonical, and mapped by no loader.
pub const UNMAPPED: u64 = 0xffff_ff00_dead_b000;
/// Bits 63 to 47 differ: no page can have this address.
const NON_CANONICAL: u64 = 0x8000_0000_0000_0000;

pub fn divide_error() {
    // SAFETY: raises #DE, which ends this kernel.
    unsafe {
        asm!("xor edx, edx", "xor ecx, ecx", "div ecx", out("eax") _, out("ecx") _, out("edx") _)
    }
}

pub fn debug() {
    // SAFETY: TF makes the CPU trap after the next instruction; the trap ends
    // this kernel.
    unsafe { rflags::write(rflags::read() | RFlags::TRAP_FLAG) }
}

pub fn nmi() {
    // SAFETY: takes the NMI's gate, as the event itself would.
    unsafe { asm!("int 2") }
}

pub fn breakpoint() {
    let before = traps::count(Vector::BREAKPOINT);
    x86_64::instructions::interrupts::int3();
    expect_eq("arrived-once", traps::count(Vector::BREAKPOINT) - before, 1);
}

/// INTO does not exist in 64-bit mode; INT 4 takes the same gate.
pub fn overflow() {
    // SAFETY: the gate's handler ends this kernel.
    unsafe { asm!("int 4") }
}

/// BOUND does not exist in 64-bit mode; INT 5 takes the same gate.
pub fn bound_range() {
    // SAFETY: the gate's handler ends this kernel.
    unsafe { asm!("int 5") }
}

pub fn invalid_opcode() {
    // SAFETY: raises #UD, which ends this kernel.
    unsafe { asm!("ud2") }
}

pub fn device_not_available() {
    // SAFETY: with CR0.TS set the next x87 instruction raises #NM, which ends
    // this kernel.
    unsafe {
        Cr0::write((Cr0::read() | Cr0Flags::TASK_SWITCHED) & !Cr0Flags::EMULATE_COPROCESSOR);
        asm!("fld1");
    }
}

/// Loads a copy of the IDT in which `change` made each gate.
pub fn copy_idt(change: impl Fn(usize, [u64; 2]) -> [u64; 2]) {
    static GATES: [AtomicU64; 512] = [const { AtomicU64::new(0) }; 512];
    let sidt = x86_64::instructions::tables::sidt();
    for (vector, copy) in GATES.as_chunks::<2>().0.iter().enumerate() {
        // SAFETY: the loaded IDT has 256 gates; nothing writes to it now.
        let gate = unsafe { sidt.base.as_ptr::<[u64; 2]>().add(vector).read() };
        let changed = change(vector, gate);
        copy[0].store(changed[0], Relaxed);
        copy[1].store(changed[1], Relaxed);
    }
    let pointer =
        DescriptorTablePointer { limit: sidt.limit, base: VirtAddr::from_ptr(GATES.as_ptr()) };
    // SAFETY: the copy is static and complete but for what the case is about.
    unsafe { lidt(&pointer) }
}

/// A page fault whose own gate is not present: #NP while delivering #PF is #DF
/// (Intel SDM Vol. 3A, Table 7-5 "Conditions for Generating a Double Fault").
pub fn double_fault() {
    let missing = usize::from(Vector::PAGE_FAULT.0);
    copy_idt(|vector, gate| if vector == missing { [0, 0] } else { gate });
    page_fault_read();
}

/// A breakpoint whose gate is not present. (QEMU's error code names another vector than
/// the breakpoint's; Intel SDM Vol. 3A, 7.13 "Error Code", Figure 7-7, has the right one.)
pub fn missing_gate() {
    /// P, the present bit of a gate (7.14.1 "64-Bit Mode IDT", Figure 7-8).
    const PRESENT: u64 = 1 << 47;
    let missing = usize::from(Vector::BREAKPOINT.0);
    copy_idt(|vector, [low, high]| match vector == missing {
        true => [low & !PRESENT, high],
        false => [low, high],
    });
    x86_64::instructions::interrupts::int3();
}

/// A GDT with the running code segment at its place and, behind it, a data
/// segment that is not present and a TSS too short for its stacks.
fn load_strange_gdt() -> (SegmentSelector, SegmentSelector) {
    const CODE: u64 = 0x00af_9b00_0000_ffff;
    const DATA: u64 = 0x00cf_9300_0000_ffff;
    const DATA_NOT_PRESENT: u64 = 0x00cf_1300_0000_ffff;
    /// 64-bit TSS, available, limit 0, base 0: any stack lookup is beyond it.
    const TSS_TOO_SHORT: u64 = 0x0000_8900_0000_0000;
    static GDT: [AtomicU64; 16] = [const { AtomicU64::new(DATA) }; 16];
    let code = CS::get_reg();
    GDT[usize::from(code.index())].store(CODE, Relaxed);
    GDT[12].store(DATA_NOT_PRESENT, Relaxed);
    GDT[14].store(TSS_TOO_SHORT, Relaxed);
    GDT[15].store(0, Relaxed);
    let pointer = DescriptorTablePointer {
        limit: (GDT.len() * 8 - 1) as u16,
        base: VirtAddr::from_ptr(GDT.as_ptr()),
    };
    // SAFETY: the table is static, and has the current code segment where CS
    // points and writable data segments elsewhere.
    unsafe { lgdt(&pointer) };
    (SegmentSelector(12 << 3), SegmentSelector(14 << 3))
}

/// A gate that asks for IST1 of a TSS that is too short to hold it.
pub fn invalid_tss() {
    let (_, tss) = load_strange_gdt();
    traps::init(traps::halt, |vector| match vector {
        Vector::INVALID_OPCODE => StackIndex::new(1),
        _ => None,
    });
    // SAFETY: the descriptor is a TSS; using it is what shall fail.
    unsafe {
        load_tss(tss);
        asm!("ud2");
    }
}

pub fn segment_not_present() {
    let (absent, _) = load_strange_gdt();
    // SAFETY: raises #NP, which ends this kernel.
    unsafe { asm!("mov fs, {0:x}", in(reg) absent.0) }
}

/// A stack segment that is not present. (A non-canonical address in RSP or RBP
/// raises #SS too, but QEMU's TCG makes that a #GP.)
pub fn stack_segment() {
    let (absent, _) = load_strange_gdt();
    // SAFETY: raises #SS, which ends this kernel.
    unsafe { asm!("mov ss, {0:x}", in(reg) absent.0) }
}

pub fn general_protection() {
    // SAFETY: raises #GP, which ends this kernel.
    unsafe { asm!("mov rax, [{}]", in(reg) NON_CANONICAL, out("rax") _) }
}

/// A selector far beyond any GDT's limit.
pub fn general_protection_selector() {
    // SAFETY: raises #GP, which ends this kernel.
    unsafe { asm!("mov fs, {0:x}", in(reg) 0xfff8u16) }
}

pub fn page_fault_write() {
    // SAFETY: raises #PF, which ends this kernel.
    unsafe { (UNMAPPED as *mut u64).write_volatile(1) }
}

pub fn page_fault_read() {
    // SAFETY: raises #PF, which ends this kernel.
    unsafe { (UNMAPPED as *const u64).read_volatile() };
}

pub fn page_fault_fetch() {
    // SAFETY: raises #PF, which ends this kernel.
    unsafe { asm!("jmp {}", in(reg) UNMAPPED) }
}

/// 1/0 with the zero-divide exception unmasked, reported by the next x87
/// instruction as #MF because CR0.NE is set.
pub fn x87() {
    /// All exceptions masked but zero-divide (bit 2).
    static CONTROL_WORD: u16 = 0x033b;
    // SAFETY: raises #MF, which ends this kernel.
    unsafe {
        let off = Cr0Flags::TASK_SWITCHED | Cr0Flags::EMULATE_COPROCESSOR;
        Cr0::write((Cr0::read() | Cr0Flags::NUMERIC_ERROR) & !off);
        asm!("fninit", "fldcw word ptr [{}]", "fld1", "fldz", "fdivp", "fwait",
            in(reg) &raw const CONTROL_WORD);
    }
}

/// QEMU's TCG never raises unmasked SSE exceptions; INT 19 takes the same gate.
pub fn simd() {
    // SAFETY: the gate's handler ends this kernel.
    unsafe { asm!("int 19") }
}

pub fn unexpected_vector() {
    // SAFETY: the gate's handler ends this kernel.
    unsafe { asm!("int 200") }
}
