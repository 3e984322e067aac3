//! The kernel in memory: where it is, and what its pages allow.

use crate::{
    faults::{self, FETCH_FROM_PRESENT, PageFault, WRITE_TO_PRESENT},
    requests::{self, EXECUTABLE_ADDRESS},
    run::check,
    walk,
};

unsafe extern "C" {
    static __kernel_start: u8;
    static __text_start: u8;
    static __text_end: u8;
    static __rodata_start: u8;
    static __rodata_end: u8;
    static __data_start: u8;
    static __data_end: u8;
    static __kernel_end: u8;
}

const PAGE: usize = 4096;

/// A `ret` instruction in writable memory.
static mut RETURN: [u8; 1] = [0xc3];

/// Text in read-only memory.
static READ_ONLY: [u8; 16] = *b"never to change.";

pub fn executable_address() {
    let Some(response) = EXECUTABLE_ADDRESS.get_response() else {
        return check!("executable-address-answered", false, "no response");
    };
    let (virt, phys) = (response.virtual_base(), response.physical_base());
    let start = &raw const __kernel_start as u64;
    let end = &raw const __kernel_end as u64;
    check!("virtual-base", virt == start, "{virt:#x}, but the kernel starts at {start:#x}");
    let broken = (start..end)
        .step_by(PAGE)
        .find(|&at| walk::translate(at).is_none_or(|it| it.physical != phys + (at - virt)));
    check!("physically-contiguous", broken.is_none(), "broken at {broken:#x?}");
    let entry = requests::entry_of(phys, end - start);
    let is_ours = entry.is_some_and(|entry| {
        entry.entry_type == limine::memory_map::EntryType::EXECUTABLE_AND_MODULES
    });
    check!("kernel-in-map", is_ours, "the image at {phys:#x} is not marked as the kernel's");
}

pub fn segments() {
    let text = (&raw const __text_start as u64)..(&raw const __text_end as u64);
    let rodata = (&raw const __rodata_start as u64)..(&raw const __rodata_end as u64);
    let data = (&raw const __data_start as u64)..(&raw const __data_end as u64);
    for (name, range, write, execute) in [
        ("text-rx", text, false, true),
        ("rodata-r", rodata, false, false),
        ("data-rw", data, true, false),
    ] {
        let size = range.end - range.start;
        let wrong = range.step_by(PAGE).find(|&at| {
            walk::translate(at)
                .is_none_or(|it| it.write != write || it.execute != execute || it.user)
        });
        let found = wrong.and_then(walk::translate);
        let fine = size > 0 && wrong.is_none();
        check!(name, fine, "{size} bytes; at {wrong:#x?}: {found:?}");
    }
}

pub fn write_text() {
    let address = write_text as *const () as u64;
    expect("write-text", faults::write(address), WRITE_TO_PRESENT, address);
}

pub fn write_rodata() {
    let address = READ_ONLY.as_ptr() as u64;
    expect("write-rodata", faults::write(address), WRITE_TO_PRESENT, address);
}

pub fn execute_data() {
    let address = &raw const RETURN as u64;
    // SAFETY: there is a `ret` instruction.
    let fault = unsafe { faults::execute(address) };
    expect("execute-data", fault, FETCH_FROM_PRESENT, address);
    check!("data-is-writable", faults::write(address).is_none(), "the write faulted");
}

fn expect(name: &str, fault: Option<PageFault>, error_code: u64, address: u64) {
    let expected = PageFault { error_code, address };
    check!(name, fault.as_ref() == Some(&expected), "expected {expected:x?}, got {fault:x?}");
}
