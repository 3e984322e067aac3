//! Chooses the linker scripts: the PVH front end has its own, the test kernel
//! is laid out like any kernel. Neither concerns the host or UEFI.

use std::{env, path::Path};

fn main() {
    // The paths are absolute, so a clone that was moved must link anew.
    println!("cargo::rerun-if-env-changed=CARGO_MANIFEST_DIR");
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let pvh = Path::new(&here).join("pvh.ld");
    let kernel = Path::new(&here).join("../shared/kernel.ld");
    for script in [&pvh, &kernel] {
        println!("cargo::rerun-if-changed={}", script.display());
    }
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        println!("cargo::rustc-link-arg-bin=loader-pvh=-T{}", pvh.display());
        println!("cargo::rustc-link-arg-tests=-T{}", kernel.display());
    }
}
