//! Milestone 2: programs that cannot harm the kernel, and can ask it for things.
//!
//! In the order in which the boot uses them:
//!
//! - [`gdt`]: segments for two rings, and the TSS with its stacks
//! - [`policy`]: a program that faults is killed; the kernel goes on
//! - [`thread`], [`switch`]: cooperative kernel threads
//! - [`syscall`]: SYSCALL and SYSRET, and the calls behind them
//! - [`address_space`]: page tables of a process's own
//! - [`elf`]: what a program's file holds
//! - [`modules`]: the programs that the loader brought
//! - [`program`]: those and the bundled ones, by name
//! - [`process`]: a program in an address space, run by a thread
//! - [`user_entry`]: the way into ring 3
//! - [`user_memory`]: the only way to touch a program's memory
//! - [`checks`]: what M2 shows about itself

#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod address_space;
pub mod checks;
pub mod elf;
pub mod gdt;
pub mod modules;
pub mod policy;
pub mod process;
pub mod program;
pub mod switch;
pub mod syscall;
pub mod thread;
pub mod user_entry;
pub mod user_memory;
