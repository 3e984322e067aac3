//! Links every bare-metal binary of this package with the kernel's layout.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        let root = env!("CARGO_MANIFEST_DIR");
        println!("cargo::rustc-link-arg=-T{root}/../shared/kernel.ld");
        println!("cargo::rerun-if-changed=../shared/kernel.ld");
    }
}
