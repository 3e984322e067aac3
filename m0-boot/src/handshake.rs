//! The handshake with the loader.
//!
//! The kernel's image holds requests; the loader finds them, fills in pointers
//! to its answers, and jumps to the entry point (Limine protocol, "Features").
//! [`accept`] checks the protocol revision and copies every answer into a
//! [`BootInfo`] of our own, because the answers lie in memory that M1 reclaims.

use crate::memory_map::{Kind, MapError, MemoryMap};
use arrayvec::ArrayString;
use core::fmt;
use limine::BaseRevision;
use limine::memory_map::EntryType;
use limine::request::{
    BootloaderInfoRequest, ExecutableAddressRequest, ExecutableFileRequest, FirmwareTypeRequest,
    FramebufferRequest, HhdmRequest, MemoryMapRequest, RequestsEndMarker, RequestsStartMarker,
    StackSizeRequest,
};
use x86_64::{PhysAddr, VirtAddr};

/// The protocol revision these kernels are written for.
pub const BASE_REVISION: u64 = 2;

/// The boot stack we ask for. Unoptimised builds copy a [`BootInfo`] several times
/// on their way through `accept`.
const STACK_BYTES: u64 = 256 * 1024;

/// Longest command line we keep, in bytes.
const COMMAND_LINE_BYTES: usize = 1024;

/// Defines the requests between their markers; `shared/kernel.ld` places the
/// three sections next to each other in this order.
macro_rules! requests {
    ($section:literal: $($name:ident: $type:ty = $value:expr;)+) => {
        $(
            #[used]
            #[cfg_attr(target_os = "none", unsafe(link_section = $section))]
            static $name: $type = $value;
        )+
    };
}

requests! { ".limine_requests_start":
    _START: RequestsStartMarker = RequestsStartMarker::new();
}
requests! { ".limine_requests":
    REVISION: BaseRevision = BaseRevision::with_revision(BASE_REVISION);
    BOOTLOADER: BootloaderInfoRequest = BootloaderInfoRequest::new();
    FIRMWARE: FirmwareTypeRequest = FirmwareTypeRequest::new();
    HHDM: HhdmRequest = HhdmRequest::new();
    MEMORY_MAP: MemoryMapRequest = MemoryMapRequest::new();
    EXECUTABLE_ADDRESS: ExecutableAddressRequest = ExecutableAddressRequest::new();
    STACK_SIZE: StackSizeRequest = StackSizeRequest::new().with_size(STACK_BYTES);
    EXECUTABLE_FILE: ExecutableFileRequest = ExecutableFileRequest::new();
    FRAMEBUFFER: FramebufferRequest = FramebufferRequest::new();
}
requests! { ".limine_requests_end":
    _END: RequestsEndMarker = RequestsEndMarker::new();
}

/// What the loader told us, in our own memory.
pub struct BootInfo {
    /// Loader's name and version.
    pub loader: ArrayString<64>,
    /// What the firmware was.
    pub firmware: &'static str,
    /// Where the loader mapped physical address 0 (higher-half direct map).
    pub hhdm: VirtAddr,
    /// Physical memory by owner.
    pub memory_map: MemoryMap,
    /// Physical address of the first byte of the kernel's image.
    pub kernel_physical: PhysAddr,
    /// Its virtual address.
    pub kernel_virtual: VirtAddr,
    /// The kernel's command line.
    pub command_line: ArrayString<COMMAND_LINE_BYTES>,
}

/// Why the kernel cannot work with this loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeError {
    /// The loader does not speak our base revision.
    UnsupportedRevision,
    /// A request without which the kernel cannot run was not answered.
    Unanswered {
        /// The feature, as the protocol calls it.
        feature: &'static str,
    },
    /// The memory map is unusable.
    Map(MapError),
    /// The command line is too long or not UTF-8.
    CommandLine,
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedRevision => write!(
                f,
                "the loader does not support Limine base revision {BASE_REVISION}; use a newer one"
            ),
            Self::Unanswered { feature } => {
                write!(f, "the loader left the {feature} request unanswered")
            }
            Self::Map(error) => error.fmt(f),
            Self::CommandLine => {
                write!(f, "the command line is longer than {COMMAND_LINE_BYTES} bytes or not UTF-8")
            }
        }
    }
}

/// Checks the protocol revision, copies the loader's answers, and logs who it was.
///
/// # Errors
/// See [`HandshakeError`].
pub fn accept() -> Result<BootInfo, HandshakeError> {
    if !REVISION.is_supported() {
        return Err(HandshakeError::UnsupportedRevision);
    }
    let unanswered = |feature| HandshakeError::Unanswered { feature };
    let bootloader = BOOTLOADER.get_response().ok_or(unanswered("bootloader info"))?;
    let hhdm = HHDM.get_response().ok_or(unanswered("HHDM"))?;
    let address = EXECUTABLE_ADDRESS.get_response().ok_or(unanswered("executable address"))?;
    let file = EXECUTABLE_FILE.get_response().ok_or(unanswered("executable file"))?;

    let mut loader = ArrayString::new();
    for part in [bootloader.name(), " ", bootloader.version()] {
        // A name longer than our line is cut; it is only for people to read.
        let _ = loader.try_push_str(part);
    }
    let mut command_line = ArrayString::new();
    let given = file.file().string().to_str().map_err(|_| HandshakeError::CommandLine)?;
    command_line.try_push_str(given).map_err(|_| HandshakeError::CommandLine)?;

    let firmware = firmware_name();
    log::info!("loaded by {loader} on {firmware}");
    log_framebuffer();
    Ok(BootInfo {
        loader,
        firmware,
        hhdm: VirtAddr::new(hhdm.offset()),
        memory_map: copy_memory_map()?,
        kernel_physical: PhysAddr::new(address.physical_base()),
        kernel_virtual: VirtAddr::new(address.virtual_base()),
        command_line,
    })
}

fn firmware_name() -> &'static str {
    use limine::firmware_type::FirmwareType;
    match FIRMWARE.get_response().map(|response| response.firmware_type()) {
        Some(FirmwareType::X86_BIOS) => "BIOS",
        Some(FirmwareType::UEFI_32) => "UEFI (32-bit)",
        Some(FirmwareType::UEFI_64) => "UEFI",
        _ => "unknown firmware",
    }
}

/// Says which screen there is, if any: these milestones draw nothing on it.
fn log_framebuffer() {
    let offered = FRAMEBUFFER.get_response().and_then(|response| response.framebuffers().next());
    if let Some(screen) = offered {
        let (width, height, bits) = (screen.width(), screen.height(), screen.bpp());
        log::info!("framebuffer of {width} by {height} pixels, {bits} bits each, left as it is");
    }
}

fn copy_memory_map() -> Result<MemoryMap, HandshakeError> {
    let unanswered = HandshakeError::Unanswered { feature: "memory map" };
    let response = MEMORY_MAP.get_response().ok_or(unanswered)?;
    let mut map = MemoryMap::default();
    for entry in response.entries() {
        let kind = kind_of(entry.entry_type);
        map.push(entry.base, entry.length, kind).map_err(HandshakeError::Map)?;
    }
    Ok(map)
}

/// A type this protocol revision does not know is left alone, as reserved.
fn kind_of(entry_type: EntryType) -> Kind {
    match entry_type {
        EntryType::USABLE => Kind::Usable,
        EntryType::ACPI_RECLAIMABLE => Kind::AcpiReclaimable,
        EntryType::ACPI_NVS => Kind::AcpiNvs,
        EntryType::BAD_MEMORY => Kind::Bad,
        EntryType::BOOTLOADER_RECLAIMABLE => Kind::BootloaderReclaimable,
        EntryType::EXECUTABLE_AND_MODULES => Kind::ExecutableAndModules,
        EntryType::FRAMEBUFFER => Kind::Framebuffer,
        _ => Kind::Reserved,
    }
}
