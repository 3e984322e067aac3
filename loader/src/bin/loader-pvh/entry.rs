//! The first instructions: from the 32-bit state of the PVH ABI to 64-bit mode
//! (Xen, `docs/misc/pvh.pandoc`; Intel SDM, vol. 3A, sec. 9.8.5 "Initializing
//! IA-32e Mode").
//!
//! At entry EBX holds the start info, CS and DS are flat 32-bit segments,
//! paging and interrupts are off, and there is no stack.

use core::arch::global_asm;

/// Bytes of the loader's own stack.
const STACK: usize = 128 * 1024;

// Page-table entries: present and writable; a page rather than a table.
const TABLE: u32 = 0b11;
const LARGE_PAGE: u32 = 0b1000_0011;

// Control bits.
const CR4_PAE: u32 = 1 << 5;
const EFER: u32 = 0xc000_0080;
const EFER_LME: u32 = 1 << 8;
const CR0_PG_AND_WP: u32 = 1 << 31 | 1 << 16;

/// Xen's note that names the 32-bit entry point.
const XEN_ELFNOTE_PHYS32_ENTRY: u32 = 18;

global_asm!(
    ".pushsection .note.xen, \"a\", @note",
    ".balign 4",
    ".long 4, 8, {note}", // sizes of name and descriptor, type
    ".asciz \"Xen\"",
    ".quad pvh_start", // QEMU reads 64 bits out of a 64-bit file
    ".popsection",

    ".pushsection .bss.boot, \"aw\", @nobits",
    ".balign 4096",
    "boot_pml4: .skip 4096",
    "boot_pdpt: .skip 4096",
    "boot_pds: .skip 4 * 4096", // 2048 entries of 2 MiB: 4 GiB
    "boot_stack: .skip {stack}",
    "boot_stack_top:",
    ".popsection",

    ".pushsection .rodata.boot, \"a\"",
    ".balign 8",
    "boot_gdt:",
    ".quad 0",
    ".quad 0x00209b0000000000", // 64-bit code; see loader::gdt
    ".quad 0x0000930000000000", // data
    "boot_gdt_pointer:",
    ".word . - boot_gdt - 1",
    ".quad boot_gdt",
    ".popsection",

    ".pushsection .text.boot, \"ax\"",
    ".code32",
    ".global pvh_start",
    "pvh_start:",
    "cld",
    "mov dword ptr [boot_pml4], offset boot_pdpt + {table}",
    "mov eax, offset boot_pds + {table}",
    "xor ecx, ecx",
    "2: mov dword ptr [boot_pdpt + ecx * 8], eax",
    "add eax, 4096",
    "inc ecx",
    "cmp ecx, 4",
    "jne 2b",
    "mov eax, {large_page}",
    "xor ecx, ecx",
    "3: mov dword ptr [boot_pds + ecx * 8], eax",
    "add eax, 2 << 20",
    "inc ecx",
    "cmp ecx, 2048",
    "jne 3b",
    "mov eax, cr4",
    "or eax, {cr4_pae}",
    "mov cr4, eax",
    "mov eax, offset boot_pml4",
    "mov cr3, eax",
    "mov ecx, {efer}",
    "rdmsr",
    "or eax, {efer_lme}",
    "wrmsr",
    "mov eax, cr0",
    "or eax, {cr0}",
    "mov cr0, eax",
    "lgdt [boot_gdt_pointer]",
    // A far jump in Intel syntax is not accepted everywhere; a far return is.
    "mov esp, offset boot_stack_top",
    "push 8",
    "mov eax, offset pvh_start_64",
    "push eax",
    "retf",
    ".code64",
    "pvh_start_64:",
    "mov eax, 16",
    "mov ds, eax",
    "mov es, eax",
    "mov ss, eax",
    "mov rsp, offset boot_stack_top",
    "mov edi, ebx",
    "call {main}",
    "ud2",
    ".popsection",
    note = const XEN_ELFNOTE_PHYS32_ENTRY,
    stack = const STACK,
    table = const TABLE,
    large_page = const LARGE_PAGE,
    cr4_pae = const CR4_PAE,
    efer = const EFER,
    efer_lme = const EFER_LME,
    cr0 = const CR0_PG_AND_WP,
    main = sym crate::boot::pvh_main,
);
