//! x
#![cfg_attr(target_os = "none", no_std, no_main)]
shared::host_main!("x");
