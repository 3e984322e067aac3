//! Every reason for which the loader refuses to boot, as one line: what was
//! wrong, where, and what to do.

use core::fmt;

use crate::{
    archive::ArchiveError, conf::ConfError, image_error::ImageError, memory_map::MapError,
    paging::PagingError, requests::RequestError,
};

/// The configuration's path on the boot volume.
pub const CONFIGURATION: &str = "limine.conf";

/// Why a file could not be had from the boot volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileError {
    /// It is not there.
    Missing,
    /// The archive is damaged.
    Archive(ArchiveError),
    /// The firmware failed to read it; its status code.
    Firmware(usize),
}

/// A reason to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadError<'a> {
    /// QEMU handed over no archive.
    NoArchive,
    /// The firmware's data makes no sense.
    Firmware(&'static str),
    /// A file is missing or unreadable.
    File {
        /// What it was to be.
        role: &'static str,
        /// Its path.
        path: &'a str,
        /// Why.
        error: FileError,
    },
    /// The configuration is wrong.
    Configuration(ConfError<'a>),
    /// The kernel file is wrong.
    Kernel {
        /// Its path.
        path: &'a str,
        /// Why.
        error: ImageError,
    },
    /// The kernel's requests are wrong.
    Requests(RequestError),
    /// The kernel accepts no paging mode below 5-level paging.
    PagingMode,
    /// The requested entry point is no code.
    EntryPoint {
        /// The request's value.
        entry: u64,
    },
    /// Memory ran out, or the map is too long.
    Memory {
        /// What it was for.
        purpose: &'static str,
        /// Why.
        error: MapError,
    },
    /// The page tables could not be built.
    Paging(PagingError),
    /// The responses are larger than was reckoned.
    Responses,
}

impl fmt::Display for LoadError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoArchive => {
                write!(f, "no boot archive; start QEMU with -initrd ARCHIVE")
            }
            Self::Firmware(what) => write!(f, "firmware: {what}"),
            Self::File { role, path, error } => match error {
                FileError::Missing => {
                    write!(f, "{role} /{path} not found on the boot volume; put it there")
                }
                FileError::Archive(error) => write!(f, "{role} /{path}: {error}"),
                FileError::Firmware(status) => write!(
                    f,
                    "{role} /{path}: the firmware cannot read it (status {status:#x}); \
                     check the volume"
                ),
            },
            Self::Configuration(error) => error.fmt(f),
            Self::Kernel { path, error } => write!(f, "kernel /{path}: {error}"),
            Self::Requests(error) => error.fmt(f),
            Self::PagingMode => {
                write!(f, "the kernel accepts only 5-level paging; let it accept 4-level paging")
            }
            Self::EntryPoint { entry } => write!(
                f,
                "requested entry point {entry:#x} is outside every executable segment; \
                 check the Entry Point request"
            ),
            Self::Memory { purpose, error } => write!(f, "{purpose}: {error}"),
            Self::Paging(error) => write!(f, "page tables: {error}"),
            Self::Responses => {
                write!(f, "responses exceed their memory; please report this loader bug")
            }
        }
    }
}

impl From<RequestError> for LoadError<'_> {
    fn from(error: RequestError) -> Self {
        Self::Requests(error)
    }
}

impl From<PagingError> for LoadError<'_> {
    fn from(error: PagingError) -> Self {
        Self::Paging(error)
    }
}
