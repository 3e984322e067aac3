//! The boot volume: the file system that the loader was loaded from (UEFI
//! specification 2.10, sec. 13.4 "Simple File System Protocol" and 13.5 "File
//! Protocol").

use core::slice;

use loader::{
    address::PAGE,
    error::{FileError, LoadError},
    files::Volume,
};
use uefi::{
    CStr16, Error, Status,
    boot::{self, AllocateType, MemoryType},
    data_types::FromStrWithBufError,
    proto::media::file::{Directory, File, FileAttribute, FileMode, RegularFile},
};

/// Longest path, in UTF-16 units with the closing zero.
const MAX_PATH: usize = 512;

/// A position that stands for the end of the file (`SetPosition()`).
const END: u64 = u64::MAX;

/// The volume's root.
pub struct BootVolume(Directory);

impl BootVolume {
    /// Opens the volume.
    ///
    /// # Errors
    /// The firmware does not give access to it.
    pub fn open() -> Result<Self, LoadError<'static>> {
        let volume = boot::get_image_file_system(boot::image_handle())
            .and_then(|mut file_system| file_system.open_volume());
        volume.map(Self).map_err(|_| {
            LoadError::Firmware("the volume I was loaded from has no readable file system")
        })
    }
}

impl Volume<'static> for BootVolume {
    fn read(&mut self, path: &str) -> Result<&'static [u8], FileError> {
        let mut name = [0; MAX_PATH];
        let name = file_name(path, &mut name).map_err(|_| FileError::Missing)?;
        let file = self.0.open(name, FileMode::Read, FileAttribute::empty()).map_err(failed)?;
        let mut file = file.into_regular_file().ok_or(FileError::Missing)?;
        let contents = pages_for(&mut file)?;
        let mut filled = 0;
        while filled < contents.len() {
            match file.read(&mut contents[filled..]).map_err(failed)? {
                0 => return Err(FileError::Firmware(Status::END_OF_FILE.0)),
                count => filled += count,
            }
        }
        Ok(contents)
    }
}

/// The firmware's spelling of a path.
fn file_name<'b>(
    path: &str,
    buffer: &'b mut [u16; MAX_PATH],
) -> Result<&'b CStr16, FromStrWithBufError> {
    let length = CStr16::from_str_with_buf(path, buffer)?.num_chars();
    for unit in &mut buffer[..length] {
        if *unit == u16::from(b'/') {
            *unit = u16::from(b'\\');
        }
    }
    // SAFETY: the text was a valid string of this length and still is: one
    // valid character took the place of another.
    Ok(unsafe { CStr16::from_u16_with_nul_unchecked(&buffer[..=length]) })
}

/// Zeroed pages of the loader's own for a file's contents. They are never
/// freed: the kernel reclaims them.
fn pages_for(file: &mut RegularFile) -> Result<&'static mut [u8], FileError> {
    file.set_position(END).map_err(failed)?;
    let size = file.get_position().map_err(failed)? as usize;
    file.set_position(0).map_err(failed)?;
    let pages = size.div_ceil(PAGE as usize).max(1);
    let memory = boot::allocate_pages(AllocateType::AnyPages, MemoryType::LOADER_DATA, pages)
        .map_err(failed)?;
    // SAFETY: the firmware just gave these pages to this call alone, and they
    // are never freed; clearing them makes them valid bytes.
    unsafe {
        memory.write_bytes(0, pages * PAGE as usize);
        Ok(slice::from_raw_parts_mut(memory.as_ptr(), size))
    }
}

fn failed<T: core::fmt::Debug>(error: Error<T>) -> FileError {
    match error.status() {
        Status::NOT_FOUND => FileError::Missing,
        status => FileError::Firmware(status.0),
    }
}
