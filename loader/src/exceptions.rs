//! CPU exceptions in the loader: a line that names them, instead of a reset.

use core::arch::naked_asm;

use x86_64::{VirtAddr, registers::control::Cr2, structures::idt::InterruptDescriptorTable};

use crate::report;

/// Vectors that the CPU keeps for exceptions (Intel SDM, vol. 3A, sec. 6.15
/// "Exception and Interrupt Reference").
const VECTORS: usize = 32;

/// Bytes from stub to stub.
const STUB_SIZE: u64 = 16;

/// Routes all exceptions to a report, until the kernel loads an IDT of its own.
pub fn install() {
    static mut IDT: InterruptDescriptorTable = InterruptDescriptorTable::new();
    let idt = &raw mut IDT;
    // SAFETY: the loader has one CPU and one thread, and this function does
    // not call itself, so this is the only reference; once loaded, the CPU
    // only reads the table, and a second call would write the same again.
    let idt: &'static mut InterruptDescriptorTable = unsafe { &mut *idt };
    let stub = |vector: u64| VirtAddr::from_ptr(stubs as *const ()) + vector * STUB_SIZE;
    // SAFETY: `stubs` holds `VECTORS` entry points, `STUB_SIZE` apart, that
    // fit any of the gates because they never return.
    unsafe {
        idt.divide_error.set_handler_addr(stub(0));
        idt.debug.set_handler_addr(stub(1));
        idt.non_maskable_interrupt.set_handler_addr(stub(2));
        idt.breakpoint.set_handler_addr(stub(3));
        idt.overflow.set_handler_addr(stub(4));
        idt.bound_range_exceeded.set_handler_addr(stub(5));
        idt.invalid_opcode.set_handler_addr(stub(6));
        idt.device_not_available.set_handler_addr(stub(7));
        idt.double_fault.set_handler_addr(stub(8));
        idt.invalid_tss.set_handler_addr(stub(10));
        idt.segment_not_present.set_handler_addr(stub(11));
        idt.stack_segment_fault.set_handler_addr(stub(12));
        idt.general_protection_fault.set_handler_addr(stub(13));
        idt.page_fault.set_handler_addr(stub(14));
        idt.x87_floating_point.set_handler_addr(stub(16));
        idt.alignment_check.set_handler_addr(stub(17));
        idt.machine_check.set_handler_addr(stub(18));
        idt.simd_floating_point.set_handler_addr(stub(19));
    }
    idt.load();
}

/// One stub for each vector: its number in EDI, the exception's stack frame in
/// RSI. Where the CPU pushed an error code, that comes first; [`report`] knows
/// the vectors that do.
#[unsafe(naked)]
extern "sysv64" fn stubs() -> ! {
    naked_asm!(
        ".set vector, 0",
        ".rept {vectors}",
        ".balign {size}",
        "mov edi, vector",
        "mov rsi, rsp",
        "jmp 2f",
        ".set vector, vector + 1",
        ".endr",
        "2: cld",
        "and rsp, -16",
        "call {report}",
        vectors = const VECTORS,
        size = const STUB_SIZE,
        report = sym report_exception,
    )
}

/// Vectors with an error code among the first 20 (same section of the SDM).
const WITH_CODE: [u64; 7] = [8, 10, 11, 12, 13, 14, 17];

/// # Safety
/// `frame` is the stack as the CPU left it at `vector`'s gate.
unsafe extern "sysv64" fn report_exception(vector: u64, frame: *const u64) -> ! {
    let code = WITH_CODE.contains(&vector);
    // SAFETY: by the function's condition the error code, if any, and the
    // instruction pointer are there.
    let (code, rip) =
        unsafe { if code { (frame.read(), frame.add(1).read()) } else { (0, frame.read()) } };
    let cr2 = Cr2::read_raw();
    report::refuse(format_args!(
        "CPU exception {vector} (error code {code:#x}) at {rip:#x}, CR2 {cr2:#x}; \
         please report this loader bug"
    ))
}
