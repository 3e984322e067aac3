//! Checks the loader's answers from inside a kernel.

#![cfg_attr(target_os = "none", no_std, no_main)]

shared::host_main!("cargo xtask test loader");

#[cfg(target_os = "none")]
mod kernel {
    #[used]
    #[unsafe(link_section = ".limine_requests")]
    static BASE_REVISION: limine::BaseRevision = limine::BaseRevision::with_revision(2);

    #[unsafe(no_mangle)]
    extern "C" fn kernel_entry() -> ! {
        shared::exit::leave(shared::exit::Reason::Complete)
    }
    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo) -> ! {
        shared::exit::leave(shared::exit::Reason::Failed)
    }
}
