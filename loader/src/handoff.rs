//! The jump: from the loader's world to the state that the protocol prescribes
//! (Limine protocol, "Machine state at entry" and "Caching").

use core::arch::naked_asm;

use arrayvec::ArrayVec;
use x86_64::{
    PhysAddr, VirtAddr,
    instructions::{interrupts, tables},
    registers::{
        control::{Cr0, Cr0Flags, Cr4, Cr4Flags, Efer, EferFlags},
        model_specific::Msr,
    },
    structures::DescriptorTablePointer,
};

use crate::{
    acpi::MAX_IO_APICS,
    address::{HHDM, PhysRange},
    chips, gdt,
    launch::Prepared,
};

/// IA32_PAT (Intel SDM, vol. 3A, sec. 12.12 "Page Attribute Table (PAT)").
const IA32_PAT: u32 = 0x277;

/// The prescribed layout, PAT0 in the lowest byte: WB, WT, UC-, UC, WP, WC.
pub const PAT_LAYOUT: u64 = 0x0000_0105_0007_0406;

/// Bytes of [`jump`] that must be mapped at their own address.
const JUMP_SIZE: u64 = 256;

/// The physical range of the code that runs while page tables change, for
/// [`Machine::trampoline`](crate::launch::Machine).
///
/// The loader runs identity-mapped, so its addresses are physical.
pub fn trampoline() -> PhysRange {
    PhysRange::from_length(jump as *const () as u64, JUMP_SIZE)
}

/// Puts the machine in the prescribed state and enters the kernel.
///
/// # Safety
/// 1. `kernel` comes from [`launch::prepare`](crate::launch::prepare) over
///    this machine's memory, with [`trampoline`] as the trampoline.
/// 2. The firmware is done with: no interrupt and no service of it is needed.
/// 3. There is an IO APIC at each of `io_apics`; these and the local APIC are
///    mapped at their own addresses.
/// 4. 5-level paging is off; see [`five_level`](crate::five_level).
pub unsafe fn enter(kernel: &Prepared, io_apics: &ArrayVec<PhysAddr, MAX_IO_APICS>) -> ! {
    interrupts::disable();
    chips::mask_pic();
    for &base in io_apics {
        // SAFETY: condition 3.
        unsafe { chips::mask_io_apic(base) };
    }
    // SAFETY: condition 3.
    unsafe { chips::mask_local_timer() };

    let mut cr0 = Cr0::read();
    cr0.remove(Cr0Flags::EMULATE_COPROCESSOR | Cr0Flags::TASK_SWITCHED);
    cr0.remove(Cr0Flags::CACHE_DISABLE | Cr0Flags::NOT_WRITE_THROUGH | Cr0Flags::ALIGNMENT_MASK);
    cr0.insert(Cr0Flags::WRITE_PROTECT | Cr0Flags::NUMERIC_ERROR | Cr0Flags::MONITOR_COPROCESSOR);
    // What else firmware may have turned on, such as SMEP or global pages,
    // is off, so that kernels meet one state on every road.
    let cr4 = Cr4Flags::PHYSICAL_ADDRESS_EXTENSION
        | Cr4Flags::OSFXSR
        | Cr4Flags::OSXMMEXCPT_ENABLE
        | (Cr4::read() & Cr4Flags::MACHINE_CHECK_EXCEPTION);
    let gdt =
        DescriptorTablePointer { limit: (size_of_val(&gdt::ENTRIES) - 1) as u16, base: kernel.gdt };
    // SAFETY: the flags keep 64-bit paging as it is and only turn protections
    // that concern the loader's own, writable, supervisor pages. The PAT's
    // lower half stays as at reset, and no page in use selects the upper. The
    // descriptors at `gdt` are first read by `jump`, when they are mapped.
    unsafe {
        Cr4::write(cr4);
        Cr0::write(cr0);
        if kernel.features.no_execute {
            Efer::update(|efer| efer.insert(EferFlags::NO_EXECUTE_ENABLE));
        }
        if kernel.features.pat {
            Msr::new(IA32_PAT).write(PAT_LAYOUT);
        }
        tables::lgdt(&gdt);
    }
    // SAFETY: by condition 1 the tables map `jump` both here and in the direct
    // map, and all that its arguments point to.
    unsafe {
        jump(
            kernel.root.as_u64(),
            kernel.trampoline_entry,
            kernel.stack_top,
            kernel.entry,
            HHDM.as_u64(),
        )
    }
}

/// Switches page tables, moves to the direct map, unmaps itself from its own
/// address, takes the new GDT and stack, clears the registers and leaves.
///
/// ```text
///   stack top ─ 8   0           the invalid return address: RSP at entry
///   stack top ─ 16  entry       taken by `ret`
/// ```
///
/// # Safety
/// See [`enter`].
#[unsafe(naked)]
unsafe extern "sysv64" fn jump(
    root: u64,
    trampoline_entry: VirtAddr,
    stack_top: VirtAddr,
    entry: VirtAddr,
    hhdm: u64,
) -> ! {
    naked_asm!(
        "mov cr3, rdi",
        "lea rax, [rip + 2f]",
        "add rax, r8",
        "jmp rax",
        "2:",
        "mov qword ptr [rsi], 0",
        "mov cr3, rdi",
        "mov rsp, rdx",
        "push {code}",
        "lea rax, [rip + 3f]",
        "push rax",
        "retfq",
        "3:",
        "mov eax, {data}",
        "mov ds, eax",
        "mov es, eax",
        "mov ss, eax",
        "mov fs, eax",
        "mov gs, eax",
        // Clears IF, DF, VM and all other flags; bit 1 is always set.
        "push 2",
        "popfq",
        "push 0",
        "push rcx",
        "xor eax, eax",
        "xor ebx, ebx",
        "xor ecx, ecx",
        "xor edx, edx",
        "xor esi, esi",
        "xor edi, edi",
        "xor ebp, ebp",
        "xor r8d, r8d",
        "xor r9d, r9d",
        "xor r10d, r10d",
        "xor r11d, r11d",
        "xor r12d, r12d",
        "xor r13d, r13d",
        "xor r14d, r14d",
        "xor r15d, r15d",
        "ret",
        code = const gdt::CODE_64,
        data = const gdt::DATA_64,
    )
}
