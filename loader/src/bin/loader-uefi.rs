//! The UEFI front end.

#![cfg_attr(any(target_os = "none", target_os = "uefi"), no_std, no_main)]

shared::host_main!("cargo xtask run --boot uefi");

#[cfg(target_os = "none")]
loader::wrong_target!();
