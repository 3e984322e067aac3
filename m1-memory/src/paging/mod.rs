//! Page tables: four levels of 512 entries that turn virtual addresses into
//! physical ones (Intel SDM Vol. 3A, 5.5 "4-Level Paging and 5-Level Paging").
//!
//! - [`entry`]: one entry, its bits, and the four levels
//! - [`access`]: who may do what with a page; W^X by construction
//! - [`mapper`]: map, unmap, protect and translate in one set of tables
//! - [`walk`]: all regions of a set of tables, as the CPU sees them
//! - [`audit`]: what must never be true of the kernel's tables
//! - [`kernel`]: the kernel's own tables

pub mod access;
pub mod audit;
pub mod entry;
pub mod kernel;
pub mod mapper;
pub mod walk;

#[cfg(test)]
mod tests;
