//! Instructions that belong to the kernel (Intel SDM Vol. 3A, 6.9 "Privileged
//! Instructions"): each is a #GP in ring 3, or does not exist there.

use crate::containment::Expected;
use crate::{cases, programs};
use m1_memory::cpu;

const GP: Expected = Expected::PRIVILEGED;
const UD: Expected = Expected::UNDEFINED;
/// Where CPUs differ: some do not have the instruction.
const GP_OR_UD: Expected = Expected::Either(&GP, &UD);

/// UMIP hides where the descriptor tables are; on CPUs without, they can be read.
fn with_umip() -> Expected {
    if cpu::Features::detect().umip { GP } else { Expected::Exit(1) }
}

programs! {
    exit 1;
    CLI = "cli";
    STI = "sti";
    HLT = "hlt";
    IN_PORT = "mov edx, 0x3f8", "in al, dx";
    OUT_PORT = "mov al, 0x10", "out 0xf4, al";
    INS = "mov edx, 0x3f8", "mov rdi, rsp", "insb";
    OUTS = "mov edx, 0x3f8", "mov rsi, rsp", "outsb";
    LGDT = "lgdt [rsp - 16]";
    LIDT = "lidt [rsp - 16]";
    LLDT = "xor eax, eax", "lldt ax";
    LTR = "mov eax, 0x28", "ltr ax";
    LMSW = "mov eax, 1", "lmsw ax";
    CLTS = "clts";
    READ_CR0 = "mov rax, cr0";
    WRITE_CR0 = "mov rax, 0x80000001", "mov cr0, rax";
    READ_CR2 = "mov rax, cr2";
    WRITE_CR2 = "mov cr2, rax";
    READ_CR3 = "mov rax, cr3";
    WRITE_CR3 = "xor eax, eax", "mov cr3, rax";
    READ_CR4 = "mov rax, cr4";
    WRITE_CR4 = "mov eax, 0x20", "mov cr4, rax";
    READ_CR8 = "mov rax, cr8";
    WRITE_CR8 = "xor eax, eax", "mov cr8, rax";
    READ_DR7 = "mov rax, dr7";
    WRITE_DR0 = "mov dr0, rsp";
    WRITE_DR7 = "mov eax, 1", "mov dr7, rax";
    RDMSR = "mov ecx, 0xc0000082", "rdmsr";
    WRMSR = "mov ecx, 0xc0000082", "wrmsr";
    RDPMC = "xor ecx, ecx", "rdpmc";
    INVLPG = "invlpg [rsp]";
    INVD = "invd";
    WBINVD = "wbinvd";
    SWAPGS = "swapgs";
    SYSRET = "lea rcx, [rip + 3f]", "mov r11d, 0x202", "sysretq", "3:";
    SYSEXIT = "lea rdx, [rip + 3f]", "mov rcx, rsp", "sysexit", "3:";
    CLAC = "clac";
    STAC = "stac";
    XSETBV = "xor ecx, ecx", "xor edx, edx", "mov eax, 3", "xsetbv";
    XGETBV = "xor ecx, ecx", "xgetbv";
    MONITOR = "mov rax, rsp", "xor ecx, ecx", "xor edx, edx", "monitor";
    RSM = "rsm";
    INVPCID = "xor eax, eax", "invpcid rax, [rsp - 16]";
    VMCALL = "vmcall";
    VMMCALL = "vmmcall";
    VMRUN = "xor eax, eax", "vmrun rax";
    VMXON = "vmxon [rsp - 8]";
    WRFSBASE = "mov rax, 0xffffffff80000000", "wrfsbase rax";
    RDGSBASE = "rdgsbase rax";
    SGDT = "sgdt [rsp - 16]";
    SIDT = "sidt [rsp - 16]";
    SLDT = "sldt eax";
    STR = "str eax";
    SMSW = "smsw eax";
}

cases! {
    "clear-interrupts" CLI => GP;
    "set-interrupts" STI => GP;
    "halt-cpu" HLT => GP;
    "read-port" IN_PORT => GP;
    "leave-machine" OUT_PORT => GP;
    "read-port-to-memory" INS => GP;
    "write-port-from-memory" OUTS => GP;
    "load-gdt" LGDT => GP;
    "load-idt" LIDT => GP;
    "load-ldt" LLDT => GP;
    "load-task" LTR => GP;
    "load-machine-status" LMSW => GP;
    "clear-task-switched" CLTS => GP;
    "read-cr0" READ_CR0 => GP;
    "write-cr0" WRITE_CR0 => GP;
    "read-cr2" READ_CR2 => GP;
    "write-cr2" WRITE_CR2 => GP;
    "read-cr3" READ_CR3 => GP;
    "write-cr3" WRITE_CR3 => GP;
    "read-cr4" READ_CR4 => GP;
    "write-cr4" WRITE_CR4 => GP;
    "read-cr8" READ_CR8 => GP;
    "write-cr8" WRITE_CR8 => GP;
    "read-debug-register" READ_DR7 => GP;
    "set-breakpoint-address" WRITE_DR0 => GP;
    "enable-breakpoint" WRITE_DR7 => GP;
    "read-msr" RDMSR => GP;
    "write-msr" WRMSR => GP;
    "read-performance-counter" RDPMC => GP;
    "flush-tlb" INVLPG => GP;
    "drop-caches" INVD => GP;
    "write-back-caches" WBINVD => GP;
    "swap-gs" SWAPGS => GP;
    "return-by-sysret" SYSRET => GP;
    "return-by-sysexit" SYSEXIT => GP_OR_UD;
    "clear-smap-override" CLAC => UD;
    "set-smap-override" STAC => UD;
    // CR4.OSXSAVE is off; QEMU 7.2 looks at the ring first.
    "write-extended-control" XSETBV => GP_OR_UD;
    "read-extended-control" XGETBV => UD;
    "monitor-memory" MONITOR => UD;
    "leave-management-mode" RSM => UD;
    "flush-process-context" INVPCID => GP_OR_UD;
    "call-hypervisor" VMCALL => UD;
    "call-hypervisor-of-amd" VMMCALL => UD;
    "run-virtual-machine" VMRUN => GP_OR_UD;
    "become-hypervisor" VMXON => GP_OR_UD;
    // CR4.FSGSBASE is off.
    "write-fs-base" WRFSBASE => UD;
    "read-gs-base" RDGSBASE => UD;
    "where-is-gdt" SGDT => with_umip();
    "where-is-idt" SIDT => with_umip();
    "which-ldt" SLDT => with_umip();
    "which-task" STR => with_umip();
    "machine-status" SMSW => with_umip();
}
