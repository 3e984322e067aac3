//! Page tables: four levels of 512 entries that turn virtual addresses into
//! physical ones (Intel SDM Vol. 3A, 5.5 "4-Level Paging and 5-Level Paging").
//!
//! - [`entry`]: one entry, its bits, and the four levels
//! - [`access`]: who may do what with a page; W^X by construction
//! - [`mapper`]: map, unmap, protect, move and translate single pages
//! - [`translation`]: the answer to "what is at this address?"
//! - `directories`: the upper half of the last walks, remembered
//! - `tables`: the way down the tree; tables that come and go
//! - `split`: large pages taken apart
//! - `range`: whole ranges, all or nothing
//! - [`flush`]: telling the TLB
//! - [`error`]: why paging refused
//! - [`walk`]: all regions of a set of tables, as the CPU sees them
//! - [`audit`]: what must never be true of the kernel's tables
//! - [`ram`]: what the direct map has to hold
//! - [`build`]: the kernel's own tables, from linker symbols and memory map
//! - [`kernel`]: those tables once they are loaded, behind a lock

pub mod access;
pub mod audit;
pub mod build;
mod directories;
pub mod entry;
pub mod error;
pub mod flush;
pub mod kernel;
mod kernel_ranges;
pub mod mapper;
pub mod ram;
mod range;
mod split;
mod tables;
pub mod translation;
pub mod walk;

#[cfg(test)]
mod tests;
