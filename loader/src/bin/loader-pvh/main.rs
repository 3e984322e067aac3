//! The fast front end: started by QEMU's `-kernel` through the PVH entry point
//! (Xen, `docs/misc/pvh.pandoc` "x86/HVM direct boot ABI", and
//! `xen/include/public/arch-x86/hvm/start_info.h`). Boot files come as a tar
//! archive in the initrd.

#![cfg_attr(any(target_os = "none", target_os = "uefi"), no_std, no_main)]

shared::host_main!("cargo xtask run --boot fast");

#[cfg(target_os = "none")]
mod boot;
#[cfg(target_os = "none")]
mod clock;
#[cfg(target_os = "none")]
mod entry;
#[cfg(target_os = "none")]
mod start_info;

#[cfg(target_os = "uefi")]
loader::wrong_target!();
