//! The structures that answer requests, as the protocol lays them out in
//! memory (Limine protocol, "Feature List"). Pointers are addresses in the
//! direct map.

use bytemuck::NoUninit;

/// Responses without fields: Stack Size, Entry Point.
#[derive(Clone, Copy, NoUninit)]
#[repr(C)]
pub struct Empty {
    /// Response revision.
    pub revision: u64,
}

/// Responses of one value or pointer: Firmware Type, HHDM, Paging Mode, RSDP,
/// EFI System Table, Executable File, Executable Command Line, Date at Boot.
#[derive(Clone, Copy, NoUninit)]
#[repr(C)]
pub struct Single {
    /// Response revision.
    pub revision: u64,
    /// The value or pointer.
    pub value: u64,
}

/// Responses of two values: Bootloader Info (name, version), Executable
/// Address (physical, virtual), and the lists, Memory Map, Module and
/// Framebuffer (count, pointer to pointers).
#[derive(Clone, Copy, NoUninit)]
#[repr(C)]
pub struct Pair {
    /// Response revision.
    pub revision: u64,
    /// The first.
    pub first: u64,
    /// The second.
    pub second: u64,
}

/// `struct limine_memmap_entry`.
#[derive(Clone, Copy, NoUninit)]
#[repr(C)]
pub struct MemoryMapEntry {
    /// Physical base.
    pub base: u64,
    /// Bytes.
    pub length: u64,
    /// `LIMINE_MEMMAP_*`.
    pub kind: u64,
}

/// `struct limine_file`. Where the volume's identity is unknown its fields are
/// zero, which the protocol defines as "none".
#[derive(Clone, Copy, Default, NoUninit)]
#[repr(C)]
pub struct File {
    /// Structure revision.
    pub revision: u64,
    /// Contents.
    pub address: u64,
    /// Bytes.
    pub size: u64,
    /// C string, with a leading slash.
    pub path: u64,
    /// C string.
    pub cmdline: u64,
    /// `LIMINE_MEDIA_TYPE_*`.
    pub media_type: u32,
    /// Unused.
    pub unused: u32,
    /// TFTP server.
    pub tftp_ip: u32,
    /// TFTP port.
    pub tftp_port: u32,
    /// Partition, counted from 1.
    pub partition_index: u32,
    /// MBR disk ID.
    pub mbr_disk_id: u32,
    /// GPT disk UUID.
    pub gpt_disk_uuid: [u8; 16],
    /// GPT partition UUID.
    pub gpt_part_uuid: [u8; 16],
    /// File system UUID.
    pub part_uuid: [u8; 16],
}

/// `struct limine_framebuffer` as of response revision 0.
#[derive(Clone, Copy, Debug, Default, NoUninit)]
#[repr(C)]
pub struct Framebuffer {
    /// First pixel.
    pub address: u64,
    /// Pixels in a row.
    pub width: u64,
    /// Rows.
    pub height: u64,
    /// Bytes from row to row.
    pub pitch: u64,
    /// Bits in a pixel.
    pub bpp: u16,
    /// `LIMINE_FRAMEBUFFER_RGB`.
    pub memory_model: u8,
    /// Bits of red.
    pub red_mask_size: u8,
    /// Lowest bit of red.
    pub red_mask_shift: u8,
    /// Bits of green.
    pub green_mask_size: u8,
    /// Lowest bit of green.
    pub green_mask_shift: u8,
    /// Bits of blue.
    pub blue_mask_size: u8,
    /// Lowest bit of blue.
    pub blue_mask_shift: u8,
    /// Unused.
    pub unused: [u8; 7],
    /// Bytes of EDID.
    pub edid_size: u64,
    /// EDID.
    pub edid: u64,
}

const _: () = {
    use core::mem::{offset_of, size_of};
    assert!(size_of::<Empty>() == 8);
    assert!(size_of::<Single>() == 16);
    assert!(size_of::<Pair>() == 24);
    assert!(size_of::<MemoryMapEntry>() == 24);
    assert!(offset_of!(File, media_type) == 40);
    assert!(offset_of!(File, gpt_disk_uuid) == 64);
    assert!(size_of::<File>() == 112);
    assert!(offset_of!(Framebuffer, bpp) == 32);
    assert!(offset_of!(Framebuffer, edid_size) == 48);
    assert!(size_of::<Framebuffer>() == 64);
};
