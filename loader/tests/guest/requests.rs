//! The requests of this kernel, and shorthands for their answers.

use limine::{
    BaseRevision, memory_map::Entry, paging, request::*, response::BootloaderInfoResponse,
};

use crate::entry;

/// The stack asked for: more than the protocol's minimum.
pub const STACK_SIZE: u64 = 256 * 1024;

macro_rules! requests {
    ($($name:ident: $type:ty = $value:expr;)*) => {
        $(
            #[used]
            #[unsafe(link_section = ".limine_requests")]
            pub static $name: $type = $value;
        )*
    };
}

#[used]
#[unsafe(link_section = ".limine_requests_start")]
static START: RequestsStartMarker = RequestsStartMarker::new();
#[used]
#[unsafe(link_section = ".limine_requests_end")]
static END: RequestsEndMarker = RequestsEndMarker::new();

requests! {
    BASE_REVISION: BaseRevision = BaseRevision::with_revision(2);
    BOOTLOADER_INFO: BootloaderInfoRequest = BootloaderInfoRequest::new();
    FIRMWARE_TYPE: FirmwareTypeRequest = FirmwareTypeRequest::new();
    STACK: StackSizeRequest = StackSizeRequest::new().with_size(STACK_SIZE);
    HHDM: HhdmRequest = HhdmRequest::new();
    FRAMEBUFFER: FramebufferRequest = FramebufferRequest::new();
    PAGING_MODE: PagingModeRequest =
        PagingModeRequest::new().with_mode(paging::Mode::FOUR_LEVEL);
    MEMORY_MAP: MemoryMapRequest = MemoryMapRequest::new();
    ENTRY_POINT: EntryPointRequest =
        EntryPointRequest::new().with_entry_point(entry::requested_entry);
    EXECUTABLE_FILE: ExecutableFileRequest = ExecutableFileRequest::new();
    MODULES: ModuleRequest = ModuleRequest::new();
    RSDP: RsdpRequest = RsdpRequest::new();
    SYSTEM_TABLE: EfiSystemTableRequest = EfiSystemTableRequest::new();
    DATE_AT_BOOT: DateAtBootRequest = DateAtBootRequest::new();
    EXECUTABLE_ADDRESS: ExecutableAddressRequest = ExecutableAddressRequest::new();
    EXECUTABLE_CMDLINE: ExecutableCmdlineRequest = ExecutableCmdlineRequest::new();
}

/// A request outside the markers: it must stay unanswered.
#[used]
#[unsafe(link_section = ".data.outside")]
pub static OUTSIDE: SmbiosRequest = SmbiosRequest::new();

/// The loader's name, empty if it gives none.
pub fn loader_name() -> &'static str {
    BOOTLOADER_INFO.get_response().map_or("", BootloaderInfoResponse::name)
}

/// Whether this is the loader of this repository.
pub fn is_myria() -> bool {
    loader_name() == "Myria loader"
}

/// The command line, which every loader gives with the executable's file.
pub fn cmdline() -> Option<&'static str> {
    EXECUTABLE_FILE.get_response()?.file().string().to_str().ok()
}

/// The direct map's offset.
pub fn hhdm() -> u64 {
    HHDM.get_response().map_or(0, |response| response.offset())
}

/// The memory map; empty without an answer.
pub fn memory_map() -> &'static [&'static Entry] {
    MEMORY_MAP.get_response().map_or(&[], |response| response.entries())
}

/// The map's entry that holds all of a physical range.
pub fn entry_of(start: u64, length: u64) -> Option<&'static Entry> {
    memory_map()
        .iter()
        .find(|entry| start >= entry.base && start + length <= entry.base + entry.length)
        .copied()
}

/// [`entry_of`] for a range of the direct map.
pub fn entry_of_direct<T>(pointer: *const T, length: u64) -> Option<&'static Entry> {
    entry_of((pointer as u64).checked_sub(hhdm())?, length)
}
