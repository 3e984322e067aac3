//! The requests that a loaded kernel holds: finding them, and the words that
//! mark them (Limine protocol, "Base protocol revisions", "Features",
//! "Requests Delimiters").
//!
//! The search covers the loaded image, not the file, because that is where the
//! answers go. Offsets are bytes from the image's start.

use core::fmt;

use arrayvec::ArrayVec;

use crate::{address::PhysRange, memory::PhysMemory};

/// The base revision that this loader speaks.
pub const BASE_REVISION: u64 = 2;

/// Most requests a kernel may make.
pub const MAX_REQUESTS: usize = 64;

const BASE_REVISION_TAG: [u64; 2] = [0xf956_2b2d_5c95_a6c8, 0x6a7b_3849_4453_6bdc];
const START_MARKER: [u64; 4] =
    [0xf6b8_f4b3_9de7_d1ae, 0xfab9_1a69_40fc_b9cf, 0x785c_6ed0_15d3_e316, 0x181e_920a_7852_b9d9];
const END_MARKER: [u64; 2] = [0xadc0_e053_1bb1_0d03, 0x9572_709f_3176_4c62];
const COMMON_MAGIC: [u64; 2] = [0xc7b1_dd30_df4c_8b88, 0x0a82_e883_a194_f07b];

const WORD: u64 = 8;

/// The second half of a request's identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id(pub [u64; 2]);

/// The features that the loader answers.
pub mod id {
    use super::Id;

    /// Bootloader Info.
    pub const BOOTLOADER_INFO: Id = Id([0xf550_38d8_e2a1_202f, 0x2794_26fc_f5f5_9740]);
    /// Firmware Type.
    pub const FIRMWARE_TYPE: Id = Id([0x8c2f_75d9_0bef_28a8, 0x7045_a468_8eac_00c3]);
    /// Stack Size.
    pub const STACK_SIZE: Id = Id([0x224e_f046_0a8e_8926, 0xe1cb_0fc2_5f46_ea3d]);
    /// HHDM (Higher Half Direct Map).
    pub const HHDM: Id = Id([0x48dc_f1cb_8ad2_b852, 0x6398_4e95_9a98_244b]);
    /// Framebuffer.
    pub const FRAMEBUFFER: Id = Id([0x9d58_27dc_d881_dd75, 0xa314_8604_f6fa_b11b]);
    /// Paging Mode.
    pub const PAGING_MODE: Id = Id([0x95c1_a0ed_ab09_44cb, 0xa4e5_cb38_42f7_488a]);
    /// Memory Map.
    pub const MEMORY_MAP: Id = Id([0x67cf_3d9d_378a_806f, 0xe304_acdf_c50c_3c62]);
    /// Entry Point.
    pub const ENTRY_POINT: Id = Id([0x13d8_6c03_5a1c_d3e1, 0x2b0c_aa89_d8f3_026a]);
    /// Kernel File, later called Executable File.
    pub const EXECUTABLE_FILE: Id = Id([0xad97_e90e_83f1_ed67, 0x31eb_5d1c_5ff2_3b69]);
    /// Module.
    pub const MODULE: Id = Id([0x3e7e_2797_02be_32af, 0xca1c_4f3b_d128_0cee]);
    /// RSDP.
    pub const RSDP: Id = Id([0xc5e7_7b6b_397e_7b43, 0x2763_7845_accd_cf3c]);
    /// EFI System Table.
    pub const EFI_SYSTEM_TABLE: Id = Id([0x5ceb_a516_3eaa_f6d6, 0x0a69_8161_0cf6_5fcc]);
    /// Boot Time, later called Date at Boot.
    pub const DATE_AT_BOOT: Id = Id([0x5027_46e1_84c0_88aa, 0xfbc5_ec83_e632_7893]);
    /// Kernel Address, later called Executable Address.
    pub const EXECUTABLE_ADDRESS: Id = Id([0x71ba_7686_3cc5_5f63, 0xb264_4a48_c516_a487]);
    /// Executable Command Line: newer than the 8.2 text, answered because
    /// kernels ask for it (`limine` crate 0.5, `ExecutableCmdlineRequest`).
    pub const EXECUTABLE_CMDLINE: Id = Id([0x4b16_1536_e598_651e, 0xb390_ad4a_2f1f_303a]);
}

/// One request in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which feature.
    pub id: Id,
    /// Where the request starts.
    pub offset: u64,
}

/// Offset of the `revision` field in a request.
pub const REVISION_FIELD: u64 = 4 * WORD;
/// Offset of the `response` pointer in a request.
pub const RESPONSE_FIELD: u64 = 5 * WORD;
/// Offset of a request's first optional field.
pub const FIRST_FIELD: u64 = 6 * WORD;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// The requests, in order of address.
    pub requests: ArrayVec<Request, MAX_REQUESTS>,
    /// Offset of the base revision to set to 0, if the kernel asked for one
    /// that is supported.
    pub revision_to_clear: Option<u64>,
}

/// Why a kernel's requests were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// No base revision tag, which means revision 0.
    NoBaseRevision,
    /// A base revision that this loader no longer speaks.
    OldBaseRevision {
        /// As requested.
        revision: u64,
    },
    /// Two base revision tags.
    DuplicateBaseRevision,
    /// The same request twice.
    Duplicate {
        /// The request.
        id: Id,
    },
    /// More than [`MAX_REQUESTS`].
    TooMany,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBaseRevision => write!(
                f,
                "the kernel has no base revision tag between the request markers, \
                 which means base revision 0; this loader needs {BASE_REVISION}"
            ),
            Self::OldBaseRevision { revision } => write!(
                f,
                "base revision {revision} is no longer supported; \
                 let the kernel request {BASE_REVISION}"
            ),
            Self::DuplicateBaseRevision => {
                write!(f, "the kernel has two base revision tags; leave one")
            }
            Self::Duplicate { id: Id([a, b]) } => {
                write!(f, "duplicate request {a:#018x} {b:#018x}; make each request once")
            }
            Self::TooMany => write!(f, "more than {MAX_REQUESTS} requests; make fewer"),
        }
    }
}

/// Finds the requests in the image loaded at `image`.
///
/// # Errors
/// Why the kernel must not be booted.
pub fn scan(memory: &impl PhysMemory, image: PhysRange) -> Result<Requests, RequestError> {
    let words = Words { memory, image };
    let range = words.delimited();
    let mut found = Requests::default();
    let mut revision = None;
    for offset in range.step_by(WORD as usize) {
        if words.match_at(offset, &BASE_REVISION_TAG)
            && let Some(requested) = words.get(offset + 2 * WORD)
        {
            if revision.replace(requested).is_some() {
                return Err(RequestError::DuplicateBaseRevision);
            }
            found.revision_to_clear = Some(offset + 2 * WORD);
        }
        if words.match_at(offset, &COMMON_MAGIC)
            && let Some(a) = words.get(offset + 2 * WORD)
            && let Some(b) = words.get(offset + 3 * WORD)
            // A request that the image's end cuts off has no place for an answer.
            && words.get(offset + RESPONSE_FIELD).is_some()
        {
            let id = Id([a, b]);
            if found.requests.iter().any(|request| request.id == id) {
                return Err(RequestError::Duplicate { id });
            }
            let request = Request { id, offset };
            found.requests.try_push(request).map_err(|_| RequestError::TooMany)?;
        }
    }
    match revision {
        None => Err(RequestError::NoBaseRevision),
        Some(revision) if revision < BASE_REVISION => {
            Err(RequestError::OldBaseRevision { revision })
        }
        Some(BASE_REVISION) => Ok(found),
        // Newer than supported: boot, and tell by leaving the tag as it is.
        Some(_) => Ok(Requests { revision_to_clear: None, ..found }),
    }
}

/// The image as 64-bit words.
struct Words<'m, M> {
    memory: &'m M,
    image: PhysRange,
}

impl<M: PhysMemory> Words<'_, M> {
    fn get(&self, offset: u64) -> Option<u64> {
        let inside = offset.checked_add(WORD).is_some_and(|end| end <= self.image.len());
        inside.then(|| self.memory.read_u64(self.image.start() + offset))
    }

    fn match_at(&self, offset: u64, pattern: &[u64]) -> bool {
        let mut words = pattern.iter().zip(0..);
        words.all(|(&word, index)| self.get(offset + index * WORD) == Some(word))
    }

    /// The part between the last start marker and the first end marker; all
    /// of the image on a side that has no marker.
    fn delimited(&self) -> core::ops::Range<u64> {
        let offsets = || (0..self.image.len()).step_by(WORD as usize);
        let start = offsets().filter(|&offset| self.match_at(offset, &START_MARKER)).last();
        let end = offsets().find(|&offset| self.match_at(offset, &END_MARKER));
        start.unwrap_or(0)..end.unwrap_or(self.image.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Simulated;

    fn request(id: Id) -> Vec<u64> {
        [&COMMON_MAGIC[..], &id.0, &[0, 0]].concat()
    }

    fn tag(revision: u64) -> Vec<u64> {
        [&BASE_REVISION_TAG[..], &[revision]].concat()
    }

    fn scan_words(parts: &[Vec<u64>]) -> Result<Requests, RequestError> {
        let words = parts.concat();
        let mut memory = Simulated::new(0x1000 + words.len() * 8);
        for (index, &word) in words.iter().enumerate() {
            memory.write_u64(x86_64::PhysAddr::new(0x1000 + index as u64 * 8), word);
        }
        scan(&memory, PhysRange::from_length(0x1000, words.len() as u64 * 8))
    }

    #[test]
    fn requests_and_revision_are_found_in_order() {
        let found = scan_words(&[vec![7], tag(2), request(id::HHDM), request(id::RSDP)]).unwrap();
        assert_eq!(found.revision_to_clear, Some(24));
        let expected = [Request { id: id::HHDM, offset: 32 }, Request { id: id::RSDP, offset: 80 }];
        assert_eq!(found.requests.as_slice(), expected);
    }

    #[test]
    fn only_requests_between_the_markers_count() {
        let start = START_MARKER.to_vec();
        let end = END_MARKER.to_vec();
        let inside = [tag(2), request(id::HHDM)].concat();
        let outside = request(id::RSDP);
        let words = [outside.clone(), start, inside, end, outside];
        let found = scan_words(&words).unwrap();
        assert_eq!(found.requests.len(), 1);
        assert_eq!(found.requests[0].id, id::HHDM);
    }

    #[test]
    fn the_last_start_and_the_first_end_marker_count() {
        let (start, end) = (START_MARKER.to_vec(), END_MARKER.to_vec());
        let words =
            [start.clone(), request(id::HHDM), start, tag(2), end.clone(), request(id::RSDP), end];
        assert!(scan_words(&words).unwrap().requests.is_empty());
    }

    #[test]
    fn a_newer_base_revision_boots_and_is_left_as_it_is() {
        assert_eq!(scan_words(&[tag(3)]).unwrap().revision_to_clear, None);
    }

    #[test]
    fn older_base_revisions_are_refused() {
        for revision in [0, 1] {
            let error = RequestError::OldBaseRevision { revision };
            assert_eq!(scan_words(&[tag(revision)]), Err(error));
        }
        assert_eq!(scan_words(&[request(id::HHDM)]), Err(RequestError::NoBaseRevision));
        assert_eq!(scan_words(&[]), Err(RequestError::NoBaseRevision));
    }

    #[test]
    fn duplicates_are_refused_even_of_unknown_requests() {
        let unknown = Id([1, 2]);
        let words = [tag(2), request(unknown), request(unknown)];
        assert_eq!(scan_words(&words), Err(RequestError::Duplicate { id: unknown }));
        assert_eq!(scan_words(&[tag(2), tag(2)]), Err(RequestError::DuplicateBaseRevision));
    }

    #[test]
    fn a_request_cut_off_by_the_end_is_none() {
        let mut cut = request(id::HHDM);
        cut.pop();
        assert!(scan_words(&[tag(2), cut]).unwrap().requests.is_empty());
    }

    #[test]
    fn too_many_requests_are_refused() {
        let mut words = vec![tag(2)];
        words.extend((0..=MAX_REQUESTS as u64).map(|index| request(Id([index, 0]))));
        assert_eq!(scan_words(&words), Err(RequestError::TooMany));
    }
}
