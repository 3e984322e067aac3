//! A kernel that checks the loader's answers from inside: what it was told
//! against what the machine shows. `test=NAME` selects a case, `test=list`
//! names them all; `guest.toml` says what the host must see of each.
//!
//! All but the checks named `myria-…` hold for any loader of the protocol, so
//! booting this kernel with Limine itself tests the tests.

#![cfg_attr(target_os = "none", no_std, no_main)]

shared::host_main!("cargo xtask test loader");

#[cfg(target_os = "none")]
#[path = "guest/entry.rs"]
mod entry;
#[cfg(target_os = "none")]
#[path = "guest/faults.rs"]
mod faults;
#[cfg(target_os = "none")]
#[path = "guest/files.rs"]
mod files;
#[cfg(target_os = "none")]
#[path = "guest/firmware.rs"]
mod firmware;
#[cfg(target_os = "none")]
#[path = "guest/machine.rs"]
mod machine;
#[cfg(target_os = "none")]
#[path = "guest/memory.rs"]
mod memory;
#[cfg(target_os = "none")]
#[path = "guest/permissions.rs"]
mod permissions;
#[cfg(target_os = "none")]
#[path = "guest/requests.rs"]
mod requests;
#[cfg(target_os = "none")]
#[path = "guest/run.rs"]
mod run;
#[cfg(target_os = "none")]
#[path = "guest/walk.rs"]
mod walk;
