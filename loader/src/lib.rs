//! A loader for kernels of the Limine boot protocol, base revision 2, on
//! x86-64: one library under two thin front ends.
//!
//! | step | modules |
//! | --- | --- |
//! | parse | [`conf`], [`archive`], [`files`], [`image`], [`relocation`] |
//! | map | [`memory_map`], [`paging`] |
//! | answer | [`requests`], [`answers`], [`responses`], [`arena`] |
//! | hand off | [`gdt`], [`acpi`], [`date`] |
//! | hand off, bare-metal only | `cpu`, `chips`, `five_level`, `handoff` |
//!
//! [`files::gather`] and [`launch::prepare`] do the first three over the
//! [`memory::PhysMemory`] trait, so the host tests run them whole. The front
//! ends are `bin/loader-pvh/` (QEMU's `-kernel`) and `bin/loader-uefi/`.
//!
//! The loader says nothing unless it fails; then it ends in one line on COM1
//! (`report`), also after a CPU exception (`exceptions`).

#![cfg_attr(not(test), no_std)]

pub mod acpi;
pub mod address;
pub mod answers;
pub mod archive;
pub mod arena;
pub mod conf;
pub mod date;
pub mod error;
pub mod files;
pub mod gdt;
pub mod image;
pub mod image_error;
pub mod launch;
pub mod memory;
pub mod memory_map;
pub mod paging;
pub mod relocation;
pub mod requests;
pub mod responses;

#[cfg(test)]
#[allow(missing_docs)] // fields are named after the ELF header's
mod test_kernel;

#[cfg(any(target_os = "none", target_os = "uefi"))]
pub mod chips;
#[cfg(any(target_os = "none", target_os = "uefi"))]
pub mod cpu;
#[cfg(any(target_os = "none", target_os = "uefi"))]
pub mod exceptions;
#[cfg(any(target_os = "none", target_os = "uefi"))]
pub mod five_level;
#[cfg(any(target_os = "none", target_os = "uefi"))]
pub mod handoff;
#[cfg(any(target_os = "none", target_os = "uefi"))]
pub mod report;

/// Makes a front end that was built for the other's target compile to a
/// program that says so, because `cargo` builds all binaries of a package.
#[macro_export]
macro_rules! wrong_target {
    () => {
        /// The entry point's name under either target.
        #[cfg_attr(target_os = "none", unsafe(export_name = "_start"))]
        #[cfg_attr(target_os = "uefi", unsafe(export_name = "efi_main"))]
        extern "C" fn start() -> ! {
            $crate::report::refuse(
                "this loader was built for another target; see loader/src/lib.rs",
            )
        }

        #[panic_handler]
        fn panic(info: &core::panic::PanicInfo) -> ! {
            $crate::report::panicked(info)
        }
    };
}
