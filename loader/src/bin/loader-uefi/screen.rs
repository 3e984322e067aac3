//! The screen, through the Graphics Output Protocol (UEFI specification 2.10,
//! sec. 12.9).

use core::fmt::{Display, Write};

use loader::responses::Framebuffer;
use uefi::{
    boot,
    proto::console::gop::{GraphicsOutput, PixelFormat},
    system,
};

/// `LIMINE_FRAMEBUFFER_RGB`.
const RGB: u8 = 1;

/// All pixel formats with a framebuffer have 32 bits.
const BYTES_PER_PIXEL: u64 = 4;

/// The framebuffer in its current mode, at its physical address.
pub fn find() -> Option<Framebuffer> {
    let handle = boot::get_handle_for_protocol::<GraphicsOutput>().ok()?;
    let mut gop = boot::open_protocol_exclusive::<GraphicsOutput>(handle).ok()?;
    let mode = gop.current_mode_info();
    let [red, green, blue] = match mode.pixel_format() {
        PixelFormat::Rgb => [0xff, 0xff00, 0xff_0000],
        PixelFormat::Bgr => [0xff_0000, 0xff00, 0xff],
        PixelFormat::Bitmask => {
            let mask = mode.pixel_bitmask()?;
            [mask.red, mask.green, mask.blue]
        }
        PixelFormat::BltOnly => return None,
    };
    let (width, height) = mode.resolution();
    Some(Framebuffer {
        address: gop.frame_buffer().as_mut_ptr() as u64,
        width: width as u64,
        height: height as u64,
        pitch: mode.stride() as u64 * BYTES_PER_PIXEL,
        bpp: BYTES_PER_PIXEL as u16 * 8,
        memory_model: RGB,
        red_mask_size: red.count_ones() as u8,
        red_mask_shift: red.trailing_zeros() as u8,
        green_mask_size: green.count_ones() as u8,
        green_mask_shift: green.trailing_zeros() as u8,
        blue_mask_size: blue.count_ones() as u8,
        blue_mask_shift: blue.trailing_zeros() as u8,
        ..Framebuffer::default()
    })
}

/// Shows a reason to whoever sits before a screen. Without a screen the
/// firmware's console is a serial line, which gets its own report.
pub fn show(reason: &impl Display) {
    if boot::get_handle_for_protocol::<GraphicsOutput>().is_ok() {
        // If the console fails as well, the serial line still has the reason.
        let _ = system::with_stdout(|out| write!(out, "loader: error: {reason}\r\n"));
    }
}
