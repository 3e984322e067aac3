//! Milestone 2: programs that cannot harm the kernel, and can ask it for things.
//!
//! In the order in which the boot uses them:
//!
//! - [`gdt`]: segments for two rings, and the TSS with its stacks
//! - [`policy`], [`report`]: a program that faults is killed; the kernel goes on
//! - [`thread`], [`switch`]: cooperative kernel threads
//! - [`controls`]: control registers as ring 3 needs them
//! - [`syscall`]: SYSCALL and SYSRET, and the calls behind them
//! - [`watchdog`]: a program that never gives way is ended
//! - [`settings`]: what the command line can set
//! - [`modules`]: the programs that the loader brought
//! - [`program`]: those and the bundled ones, by name
//! - [`address_space`]: page tables of a process's own
//! - [`elf`]: what a program's file holds
//! - [`choice`]: the program that the command line asks for
//! - [`process_id`], [`process`]: a program in an address space, run by a thread
//! - [`user_entry`]: the way into ring 3
//! - [`user_state`]: what a program leaves in the CPU besides general registers
//! - [`fallible`]: allocation that can fail without ending the kernel
//! - [`user_memory`]: the only way to touch a program's memory
//! - [`checks`]: what M2 shows about itself
//! - [`console`]: commands over COM1, for those who want to look around

#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod address_space;
pub mod checks;
pub mod choice;
pub mod console;
pub mod controls;
pub mod elf;
pub mod fallible;
pub mod gdt;
pub mod modules;
pub mod policy;
pub mod process;
pub mod process_id;
pub mod program;
pub mod report;
pub mod settings;
pub mod switch;
pub mod syscall;
pub mod thread;
pub mod user_entry;
pub mod user_memory;
pub mod user_state;
pub mod watchdog;
