//! Memory that is not the program's: read, written and jumped to.
//!
//! The three programs get the address as their argument. The page is there each
//! time, so the error code says "denied", not "absent".

use crate::containment::{Expected, code, contain_in};
use crate::memory;
use crate::programs;
use alloc::boxed::Box;
use core::sync::atomic::AtomicU64;
use m1_memory::layout::{DIRECT_MAP, IMAGE};
use m1_memory::physical::PhysicalMemory;
use m2_usermode::address_space::{AddressSpace, CODE, STACK};
use m2_usermode::gdt::TASK_STATE;
use m2_usermode::program::{HELLO, Program};
use shared::cases::Case;
use x86_64::VirtAddr;
use x86_64::instructions::tables::{sgdt, sidt};
use x86_64::registers::model_specific::KernelGsBase;

programs! {
    exit 1;
    READ = "mov al, [rdi]";
    WRITE = "mov byte ptr [rdi], 0x90";
    JUMP = "jmp rdi";
}

macro_rules! targets {
    ($($read:literal $write:literal $jump:literal => $target:expr;)+) => {
        /// Every case of this module.
        pub const CASES: &[Case] = &[$(
            ($read, || denied($read, &READ, code::DENIED_READ, $target)),
            ($write, || denied($write, &WRITE, code::DENIED_WRITE, $target)),
            ($jump, || denied($jump, &JUMP, code::DENIED_FETCH, $target)),
        )+];
    };
}

targets! {
    "read-kernel-text" "write-kernel-text" "jump-to-kernel-text" => |_| IMAGE.start.as_u64();
    "read-kernel-data" "write-kernel-data" "jump-to-kernel-data" => |_| kernel_data();
    "read-kernel-heap" "write-kernel-heap" "jump-to-kernel-heap" => |_| kernel_heap();
    "read-kernel-stack" "write-kernel-stack" "jump-to-kernel-stack" => |_| kernel_stack();
    "read-direct-map" "write-direct-map" "jump-to-direct-map" => |_| DIRECT_MAP.as_u64() + MIB;
    "read-page-tables" "write-page-tables" "jump-to-page-tables" => own_page_tables;
    "read-idt" "write-idt" "jump-to-idt" => |_| sidt().base.as_u64();
    "read-gdt" "write-gdt" "jump-to-gdt" => |_| sgdt().base.as_u64();
    "read-tss" "write-tss" "jump-to-tss" => |_| task_state();
    "read-per-cpu" "write-per-cpu" "jump-to-per-cpu" => |_| KernelGsBase::read().as_u64();
    "read-other-code" "write-other-code" "jump-to-other-code" => |_| other_process(CODE);
    "read-other-stack" "write-other-stack" "jump-to-other-stack" => |_| other_process(STACK.start);
}

/// Low memory that is RAM on every PC.
const MIB: u64 = 1 << 20;

type Target = fn(&AddressSpace) -> u64;

fn denied(name: &str, program: &Program, code: u64, target: Target) {
    contain_in(name, program, |process| {
        let address = target(process.space());
        (address, Expected::PageFault { code, address })
    });
}

fn kernel_data() -> u64 {
    static DATA: AtomicU64 = AtomicU64::new(0);
    VirtAddr::from_ptr(&DATA).as_u64()
}

/// The heap keeps its pages mapped when the block is freed again.
fn kernel_heap() -> u64 {
    VirtAddr::from_ptr(&*Box::new(0u64)).as_u64()
}

fn kernel_stack() -> u64 {
    let local = 0u64;
    VirtAddr::from_ptr(&raw const local).as_u64()
}

/// The PML4 of the program itself, where the direct map shows it: writing there
/// would give it everything.
fn own_page_tables(space: &AddressSpace) -> u64 {
    VirtAddr::from_ptr(memory().pointer(space.root().start_address())).as_u64()
}

/// The TSS's address, from its descriptor in the GDT (Intel SDM Vol. 3A, Figure 9-4).
fn task_state() -> u64 {
    let entry = usize::from(TASK_STATE.index());
    let gdt = sgdt().base.as_ptr::<[u64; 7]>();
    // SAFETY: this is the kernel's own GDT of 7 words, with the TSS there.
    let [low, high] = unsafe { [(*gdt)[entry], (*gdt)[entry + 1]] };
    low >> 16 & 0x00ff_ffff | (low >> 56) << 24 | high << 32
}

/// Where the direct map shows a page of another process. Its frame is free again
/// when the program runs, but the page of the direct map stays.
fn other_process(page: VirtAddr) -> u64 {
    let other = AddressSpace::new(&HELLO, memory()).unwrap_or_else(|error| panic!("{error}"));
    let frame = other.translate(page).unwrap_or_else(|| panic!("{page:?} is not mapped"));
    VirtAddr::from_ptr(memory().pointer(frame.physical)).as_u64()
}
