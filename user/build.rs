//! Links every program with the layout of position-independent programs.

use std::env;

fn main() {
    // The path is absolute, so a clone that was moved must link anew.
    println!("cargo::rerun-if-env-changed=CARGO_MANIFEST_DIR");
    println!("cargo::rerun-if-changed=program.ld");
    let bare_metal = env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "none");
    if let (true, Ok(package)) = (bare_metal, env::var("CARGO_MANIFEST_DIR")) {
        println!("cargo::rustc-link-arg-bins=-T{package}/program.ld");
    }
}
