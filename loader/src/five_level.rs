//! Leaving 5-level paging, which newer UEFI firmware turns on where the CPU has
//! it. The loader's own tables have 4 levels, and LA57 cannot be changed while
//! paging is on, so the way leads through 32-bit mode (Intel SDM, vol. 3A, sec.
//! 9.8.5.4 "Switching Out of IA-32e Mode Operation").

use core::arch::naked_asm;

use x86_64::{
    PhysAddr, VirtAddr,
    instructions::tables,
    registers::control::{Cr0Flags, Cr3, Cr4, Cr4Flags},
    structures::{DescriptorTablePointer, gdt::DescriptorFlags},
};

use crate::{address::PAGE, paging::ADDRESS};

/// Bytes of low memory that [`leave`] needs.
pub const LOW_MEMORY: u64 = 2 * PAGE;

// What lies where in the first page of it; the second is the new PML4.
const SAVED_RSP: usize = 0x800;
const GDT: usize = 0x808;
const STACK_TOP: usize = 0x1000;

/// Most bytes of code.
const CODE_SIZE: usize = SAVED_RSP;

// Selectors of the small GDT.
const CODE_32: u16 = 1 << 3;
const CODE_64: u16 = 2 << 3;
const DATA: u16 = 3 << 3;

const CR0_PAGING: u32 = Cr0Flags::PAGING.bits() as u32;
const CR4_LA57: u32 = Cr4Flags::L5_PAGING.bits() as u32;

/// Whether the CPU uses 5-level paging.
pub fn is_on() -> bool {
    Cr4::read().contains(Cr4Flags::L5_PAGING)
}

/// Changes from 5-level to 4-level paging. The lower half stays mapped as it
/// is, as far as 4 levels reach.
///
/// # Safety
/// 1. 5-level paging is on and PCIDs are off; interrupts are disabled and no
///    exception handler is needed.
/// 2. The code, stack and data in use, the page tables and `low` are mapped at
///    their own addresses in the lower 128 TiB.
/// 3. The [`LOW_MEMORY`] bytes at `low` are page-aligned, below 4 GiB, writable
///    and executable, and nobody else's.
/// 4. Nothing relies on the GDT in use.
pub unsafe fn leave(low: PhysAddr) {
    let page = low.as_u64() as *mut u8;
    let (pml5, _) = Cr3::read();
    let code: unsafe extern "sysv64" fn(u64, u64) = switch;
    let gdt = [
        0,
        DescriptorFlags::KERNEL_CODE32.bits(),
        DescriptorFlags::KERNEL_CODE64.bits(),
        DescriptorFlags::KERNEL_DATA.bits(),
    ];
    // SAFETY: by conditions 2 and 3 all of this is readable, and the low pages
    // are writable and ours. The first PML5 entry leads to the PML4 of the
    // lower 256 TiB, half of which 4-level paging can reach.
    unsafe {
        let pml5 = pml5.start_address().as_u64() as *const u64;
        let pml4 = (pml5.read() & ADDRESS) as *const u8;
        page.copy_from_nonoverlapping(code as *const u8, CODE_SIZE);
        page.add(GDT).cast::<[u64; 4]>().write(gdt);
        page.add(PAGE as usize).copy_from_nonoverlapping(pml4, PAGE as usize);
        tables::lgdt(&DescriptorTablePointer {
            limit: (size_of_val(&gdt) - 1) as u16,
            base: VirtAddr::from_ptr(page.add(GDT)),
        });
        let copy: unsafe extern "sysv64" fn(u64, u64) = core::mem::transmute(page);
        copy(low.as_u64() + PAGE, low.as_u64());
    }
}

/// Runs from its copy at `low`: down to 32-bit mode, paging off, on again with
/// four levels from `pml4`, and back.
///
/// Registers that the caller expects to survive are kept on its stack: their
/// upper halves do not outlive 32-bit mode.
#[unsafe(naked)]
unsafe extern "sysv64" fn switch(pml4: u64, low: u64) {
    naked_asm!(
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rsi + {saved_rsp}], rsp",
        "mov eax, {data}",
        "mov ds, eax",
        "mov es, eax",
        "mov ss, eax",
        "push {code_32}",
        "lea rdx, [rip + 4f]",
        "lea rax, [rip + 3f]",
        "push rax",
        "retfq",
        ".code32",
        "3:",
        "mov eax, cr0",
        "and eax, {no_paging}",
        "mov cr0, eax",
        "mov eax, cr4",
        "and eax, {no_la57}",
        "mov cr4, eax",
        "mov cr3, edi",
        "mov eax, cr0",
        "or eax, {paging}",
        "mov cr0, eax",
        "lea esp, [esi + {stack_top}]",
        "push {code_64}",
        "push edx",
        "retf",
        ".code64",
        "4:",
        "mov esi, esi",
        "mov rsp, [rsi + {saved_rsp}]",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "ret",
        saved_rsp = const SAVED_RSP,
        stack_top = const STACK_TOP,
        data = const DATA,
        code_32 = const CODE_32,
        code_64 = const CODE_64,
        paging = const CR0_PAGING,
        no_paging = const !CR0_PAGING,
        no_la57 = const !CR4_LA57,
    )
}
