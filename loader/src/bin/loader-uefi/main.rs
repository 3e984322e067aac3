//! The real front end: a UEFI application (UEFI specification 2.10, sec. 2.1.1
//! "UEFI Images"). Boot files come from the volume it was itself loaded from.

#![cfg_attr(any(target_os = "none", target_os = "uefi"), no_std, no_main)]

shared::host_main!("cargo xtask run --boot uefi");

#[cfg(target_os = "uefi")]
mod boot;
#[cfg(target_os = "uefi")]
mod firmware;
#[cfg(target_os = "uefi")]
mod screen;
#[cfg(target_os = "uefi")]
mod volume;

#[cfg(target_os = "none")]
loader::wrong_target!();
