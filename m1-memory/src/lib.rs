//! Milestone 1: the kernel owns its memory.
//!
//! In the order in which the boot uses them:
//!
//! - [`segments`]: a GDT of our own, before the loader's is reclaimed
//! - [`layout`]: what stands where in the address space
//! - [`physical`]: reaching physical memory through the direct map
//! - [`frames`]: who owns which 4 KiB frame of RAM
//! - [`paging`]: page tables of our own, with W^X
//! - [`regions`]: what has its place where, by name
//! - [`cpu`]: the protections the CPU offers on top
//! - [`stack`]: kernel stacks with a guard page
//! - [`heap`]: `alloc::boxed::Box` and friends, growing on demand
//! - [`policy`]: what M1 can add to a fault report
//! - [`checks`]: what M1 shows about itself

#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod checks;
pub mod cpu;
pub mod frames;
pub mod heap;
pub mod layout;
pub mod paging;
pub mod physical;
pub mod policy;
pub mod regions;
pub mod segments;
pub mod stack;
