//! Mistakes that people make while they write a kernel: each must end in the
//! explanation that the fault catalogue has for it.

use super::exceptions::{UNMAPPED, copy_idt};
use core::arch::{asm, naked_asm};
use core::hint::{black_box, spin_loop};
use core::sync::atomic::AtomicU64;
use m0_boot::irq::{self, Line};
use m0_boot::vector::Vector;
use m0_boot::{idt, pit, trap_frame};
use shared::cases::Case;
use shared::events::{self, Event};
use shared::exit::{self, Reason};
use x86_64::VirtAddr;
use x86_64::instructions::port::Port;
use x86_64::instructions::tables::{lgdt, lidt};
use x86_64::instructions::{hlt, interrupts};
use x86_64::registers::control::{Cr4, Cr4Flags};
use x86_64::structures::DescriptorTablePointer;

/// Every case of this module.
pub const CASES: &[Case] = &[
    ("breakpoint-stops", breakpoint_stops),
    ("undefined-bytes", undefined_bytes),
    ("alignment-check", alignment_check),
    ("machine-check", machine_check),
    ("sse-in-kernel", sse_in_kernel),
    ("iretq-bad-selector", iretq_bad_selector),
    ("vector-beyond-idt", vector_beyond_idt),
    ("misaligned-operand", misaligned_operand),
    ("empty-idt", empty_idt),
    ("triple-unknown", triple_unknown),
    ("empty-gdt", empty_gdt),
    ("asked-reset", asked_reset),
    ("leaves-early", || exit::leave(Reason::Complete)),
    ("halted-for-good", halted_for_good),
    ("done-and-halted", done_and_halted),
    ("busy-loop", busy_loop),
    ("lock-held", lock_held),
    ("no-end-of-interrupt", no_end_of_interrupt),
    ("interrupt-storm", interrupt_storm),
    ("panic-unwrap-none", panic_unwrap_none),
    ("panic-unwrap-error", panic_unwrap_error),
    ("panic-index", panic_index),
    ("panic-overflow", panic_overflow),
    ("panic-divide", panic_divide),
    ("panic-todo", panic_todo),
    ("panic-assert", panic_assert),
    ("panic-borrow", panic_borrow),
    ("panic-unknown-option", || ()),
];

/// The kernel's fault policy for this case stops at breakpoints.
fn breakpoint_stops() {
    interrupts::int3();
}

/// `06` was PUSH ES, which 64-bit mode does not have.
fn undefined_bytes() {
    // SAFETY: raises #UD, which ends this kernel.
    unsafe { asm!(".byte 0x06") }
}

/// Only ring 3 can raise #AC, and M0 has no ring 3: builds the frame that the CPU
/// would push, with its error code, and takes the vector's stub.
fn alignment_check() {
    let stub = trap_frame::stub(Vector(17));
    // SAFETY: the frame is complete, and the stub's handler ends this kernel.
    unsafe {
        asm!(
            "mov {old}, rsp", "and rsp, -16",
            "mov {word:e}, ss", "push {word}", "push {old}", "pushfq",
            "mov {word:e}, cs", "push {word}",
            "lea {word}, [rip + 2f]", "push {word}", "push 0",
            "jmp {stub}", "2: ud2",
            old = out(reg) _, word = out(reg) _, stub = in(reg) stub.as_u64()
        )
    }
}

/// Takes the gate that a machine check would.
fn machine_check() {
    // SAFETY: the gate's handler ends this kernel.
    unsafe { asm!("int 18") }
}

/// `movaps xmm0, xmm0` while CR4.OSFXSR says that nobody saves SSE registers.
fn sse_in_kernel() {
    // SAFETY: kernels of ours hold nothing in SSE registers; the #UD ends this one.
    unsafe {
        Cr4::write(Cr4::read() - Cr4Flags::OSFXSR);
        asm!(".byte 0x0f, 0x28, 0xc0");
    }
}

/// IRETQ to a code selector beyond the GDT.
fn iretq_bad_selector() {
    // SAFETY: raises #GP, which ends this kernel.
    unsafe {
        asm!(
            "mov {word:e}, ss", "push {word}", "push rsp", "pushfq", "push 0x1230",
            "lea {word}, [rip + 2f]", "push {word}", "iretq", "2: ud2",
            word = out(reg) _
        )
    }
}

/// An IDT that ends behind the exceptions, and a vector beyond its end. (QEMU's TCG
/// puts twice the vector into the error code.)
fn vector_beyond_idt() {
    let sidt = x86_64::instructions::tables::sidt();
    let limit = u16::from(Vector::EXCEPTIONS) * 16 - 1;
    // SAFETY: the kernel's own table, only shorter.
    unsafe {
        lidt(&DescriptorTablePointer { limit, base: sidt.base });
        asm!("int 0x80");
    }
}

/// FXSAVE wants 16-byte alignment.
fn misaligned_operand() {
    static AREA: [AtomicU64; 72] = [const { AtomicU64::new(0) }; 72];
    let odd = (&raw const AREA) as u64 / 16 * 16 + 8;
    // SAFETY: raises #GP, which ends this kernel.
    unsafe { asm!("fxsave64 [{}]", in(reg) odd) }
}

/// An IDT whose table lies where nothing is mapped.
fn triple_unknown() {
    let base = VirtAddr::new_truncate(UNMAPPED);
    // SAFETY: the fault that follows resets the machine, as it shall.
    unsafe {
        lidt(&DescriptorTablePointer { limit: 0xfff, base });
        asm!("ud2");
    }
}

/// The IDT is loaded before it is filled: no gate is present.
fn empty_idt() {
    static GATES: [AtomicU64; 512] = [const { AtomicU64::new(0) }; 512];
    let base = VirtAddr::from_ptr(GATES.as_ptr());
    let limit = (size_of_val(&GATES) - 1) as u16;
    // SAFETY: the page fault that follows resets the machine, as it shall.
    unsafe {
        lidt(&DescriptorTablePointer { limit, base });
        (UNMAPPED as *const u64).read_volatile();
    }
}

/// The GDT is loaded before it is filled: no segment can be loaded any more, not even
/// the handlers' own.
fn empty_gdt() {
    static DESCRIPTORS: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];
    let base = VirtAddr::from_ptr(DESCRIPTORS.as_ptr());
    let limit = (size_of_val(&DESCRIPTORS) - 1) as u16;
    // SAFETY: the fault that follows resets the machine, as it shall.
    unsafe {
        lgdt(&DescriptorTablePointer { limit, base });
        asm!("mov ds, {0:x}", in(reg) 0x10u16);
    }
}

/// The keyboard controller's old way to reset the machine.
fn asked_reset() {
    const CONTROLLER: u16 = 0x64;
    const PULSE_RESET: u8 = 0xfe;
    // SAFETY: resets the machine, as it shall.
    unsafe { Port::new(CONTROLLER).write(PULSE_RESET) };
    halted_for_good();
}

fn halted_for_good() {
    interrupts::disable();
    loop {
        hlt();
    }
}

/// Forgets the last step: leaving.
fn done_and_halted() {
    events::emit::<&str>(Event::Done { nonce: "0123456789abcdef" });
    halted_for_good();
}

fn start_ticking() {
    irq::init();
    pit::init();
    interrupts::enable();
}

/// Waits for something that nobody does.
#[inline(never)]
fn busy_loop() {
    start_ticking();
    while black_box(true) {}
}

/// Takes a lock that it holds already.
fn lock_held() {
    static COUNTER: spin::Mutex<u64> = spin::Mutex::new(0);
    let first = COUNTER.lock();
    let second = COUNTER.lock();
    black_box((&first, &second));
}

/// A handler that returns without telling the interrupt controller.
fn no_end_of_interrupt() {
    /// Nothing but the return.
    #[unsafe(naked)]
    unsafe extern "C" fn forgetful() {
        naked_asm!("iretq")
    }
    irq::init();
    pit::init();
    copy_idt(|vector, gate| match vector {
        32 => with_offset(gate, forgetful as *const () as u64),
        _ => gate,
    });
    interrupts::enable();
    let before = pit::ticks();
    while pit::ticks() < before + 10 {
        hlt();
    }
}

/// The gate with another handler.
fn with_offset([low, _]: [u64; 2], offset: u64) -> [u64; 2] {
    const OFFSET_BITS: u64 = 0xffff_0000_0000_ffff;
    [low & !OFFSET_BITS | offset & 0xffff | (offset >> 16 & 0xffff) << 48, offset >> 32]
}

/// A level-triggered line whose handler acknowledges the interrupt controller but
/// never asks the device, so the device goes on asking.
fn interrupt_storm() {
    /// COM1's line.
    const SERIAL: Vector = Vector(32 + 4);
    /// "Edge/level control" of the first interrupt controller.
    const LEVELS: u16 = 0x4d0;
    /// COM1's interrupt enable, and its modem control, which gates the line.
    const ENABLE: u16 = 0x3f9;
    const MODEM: u16 = 0x3fc;
    irq::init();
    let line = Line::from_vector(SERIAL).unwrap_or_else(|| panic!("no line"));
    irq::enable(line, |_| {});
    // SAFETY: the line has a handler that returns; only the device's
    // own interrupts change.
    unsafe {
        Port::<u8>::new(LEVELS).write(1 << 4);
        Port::<u8>::new(MODEM).write(0b1011);
        Port::<u8>::new(ENABLE).write(0b10); // "transmitter empty", which it is
    }
    interrupts::enable();
    loop {
        spin_loop();
    }
}

fn panic_unwrap_none() {
    let nothing: Option<u64> = black_box(None);
    black_box(nothing.unwrap());
}

fn panic_unwrap_error() {
    let refused: Result<u64, idt::StackIndex> =
        black_box(idt::StackIndex::new(1).map_or(Ok(0), Err));
    black_box(refused.expect("a stack"));
}

fn panic_index() {
    let table = black_box([1u64, 2, 3]);
    black_box(table[black_box(7)]);
}

/// Division overflow is checked in every profile, as others are in debug builds.
fn panic_overflow() {
    black_box(black_box(i64::MIN) / black_box(-1));
}

fn panic_divide() {
    black_box(black_box(1u64) / black_box(0));
}

fn panic_todo() {
    todo!("walk the page tables");
}

fn panic_assert() {
    assert_eq!(black_box(1), 2, "frames in use");
}

fn panic_borrow() {
    let cell = core::cell::RefCell::new(0u64);
    let first = cell.borrow_mut();
    black_box((&first, cell.borrow_mut()));
}
