//! x
#![cfg_attr(target_os = "none", no_std, no_main)]
shared::host_main!("cargo xtask test guest/m0-boot");
