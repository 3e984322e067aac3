//! The boot volume of the fast boot: a tar archive in memory.
//!
//! Only the `ustar` format of POSIX.1-2017 (`pax`, "ustar Interchange Format")
//! with regular files and directories, which is what `xtask` writes. Members of
//! other kinds are refused rather than skipped.

use core::fmt;

/// Unit of the format: headers and contents are padded to it.
const BLOCK: usize = 512;

// Fields of a header block: offset and length.
const NAME: (usize, usize) = (0, 100);
const SIZE: (usize, usize) = (124, 12);
const CHECKSUM: (usize, usize) = (148, 8);
const TYPE: usize = 156;
const MAGIC: (usize, usize) = (257, 5);
const PREFIX: (usize, usize) = (345, 155);

/// An archive. Nothing is checked until it is searched.
#[derive(Clone, Copy, Debug)]
pub struct Archive<'a> {
    bytes: &'a [u8],
}

/// What is wrong with an archive, and at which offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveError {
    /// Offset of the header concerned.
    pub offset: usize,
    /// The fault.
    pub fault: Fault,
}

/// What can be wrong with an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It ends inside a header or a member's contents.
    Truncated,
    /// The header lacks the `ustar` magic.
    NotUstar,
    /// The header's checksum is wrong.
    Checksum,
    /// The size field is no octal number.
    Size,
    /// Neither a file nor a directory.
    MemberType(u8),
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "archive, header at offset {:#x}: ", self.offset)?;
        match self.fault {
            Fault::Truncated => write!(f, "the archive ends too early"),
            Fault::NotUstar => write!(f, "not a ustar header"),
            Fault::Checksum => write!(f, "wrong header checksum"),
            Fault::Size => write!(f, "the size is no octal number"),
            Fault::MemberType(kind) => {
                write!(f, "member of type {kind:#04x} is neither file nor directory")
            }
        }?;
        write!(f, "; make the archive again")
    }
}

impl<'a> Archive<'a> {
    /// Wraps the archive's bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The contents of the file `path` (without a leading slash), if there.
    ///
    /// # Errors
    /// The first fault met on the way to it.
    pub fn find(&self, path: &str) -> Result<Option<&'a [u8]>, ArchiveError> {
        let mut offset = 0;
        while let Some(member) = member(self.bytes, offset)? {
            if member.is_file && member.has_path(path.as_bytes()) {
                return Ok(Some(member.contents));
            }
            offset = member.next;
        }
        Ok(None)
    }
}

/// One member.
struct Member<'a> {
    prefix: &'a [u8],
    name: &'a [u8],
    is_file: bool,
    contents: &'a [u8],
    /// Offset of the next header.
    next: usize,
}

impl Member<'_> {
    fn has_path(&self, path: &[u8]) -> bool {
        if self.prefix.is_empty() {
            let name = self.name.strip_prefix(b"./").unwrap_or(self.name);
            return name == path;
        }
        let prefix = self.prefix.strip_prefix(b"./").unwrap_or(self.prefix);
        path.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(b"/")) == Some(self.name)
    }
}

/// The member whose header is at `offset`; `None` at the closing zero block.
fn member(bytes: &[u8], offset: usize) -> Result<Option<Member<'_>>, ArchiveError> {
    let fail = |fault| ArchiveError { offset, fault };
    let rest = bytes.get(offset..).ok_or(fail(Fault::Truncated))?;
    let (header, rest) = rest.split_at_checked(BLOCK).ok_or(fail(Fault::Truncated))?;
    if header.iter().all(|&byte| byte == 0) {
        return Ok(None);
    }
    let field = |(start, length): (usize, usize)| &header[start..start + length];
    if field(MAGIC) != b"ustar" {
        return Err(fail(Fault::NotUstar));
    }
    let sum: u64 = (0..BLOCK)
        .map(|at| {
            // The checksum itself counts as blanks.
            let own = (CHECKSUM.0..CHECKSUM.0 + CHECKSUM.1).contains(&at);
            u64::from(if own { b' ' } else { header[at] })
        })
        .sum();
    if octal(field(CHECKSUM)) != Some(sum) {
        return Err(fail(Fault::Checksum));
    }
    let size = octal(field(SIZE)).ok_or(fail(Fault::Size))?;
    let size = usize::try_from(size).map_err(|_| fail(Fault::Truncated))?;
    let is_file = match header[TYPE] {
        b'0' | 0 => true,
        b'5' => false,
        kind => return Err(fail(Fault::MemberType(kind))),
    };
    let contents = rest.get(..size).ok_or(fail(Fault::Truncated))?;
    // Cannot overflow: `size` bytes were just found to exist.
    let next = offset + BLOCK + size.next_multiple_of(BLOCK);
    let (prefix, name) = (text(field(PREFIX)), text(field(NAME)));
    Ok(Some(Member { prefix, name, is_file, contents, next }))
}

/// A field's text: up to the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// A field's octal number, padded with blanks or NULs.
fn octal(field: &[u8]) -> Option<u64> {
    let digits = core::str::from_utf8(text(field)).ok()?.trim_matches(' ');
    u64::from_str_radix(digits, 8).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Writes an archive of files.
    pub fn pack(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = Vec::new();
        for (name, contents) in files {
            archive.extend(header(name, contents.len(), b'0'));
            archive.extend(*contents);
            archive.resize(archive.len().next_multiple_of(BLOCK), 0);
        }
        archive.resize(archive.len() + 2 * BLOCK, 0);
        archive
    }

    fn header(name: &str, size: usize, kind: u8) -> [u8; BLOCK] {
        let mut header = [0; BLOCK];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[SIZE.0..SIZE.0 + 11].copy_from_slice(format!("{size:011o}").as_bytes());
        header[TYPE] = kind;
        header[MAGIC.0..MAGIC.0 + 8].copy_from_slice(b"ustar\x0000");
        header[CHECKSUM.0..CHECKSUM.0 + CHECKSUM.1].fill(b' ');
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[CHECKSUM.0..CHECKSUM.0 + 7].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        header
    }

    #[test]
    fn finds_each_file_and_only_those() {
        let bytes = pack(&[("limine.conf", b"x"), ("boot/kernel", &[7; 600]), ("empty", b"")]);
        let archive = Archive::new(&bytes);
        assert_eq!(archive.find("limine.conf"), Ok(Some(&b"x"[..])));
        assert_eq!(archive.find("boot/kernel"), Ok(Some(&[7; 600][..])));
        assert_eq!(archive.find("empty"), Ok(Some(&b""[..])));
        assert_eq!(archive.find("boot"), Ok(None));
    }

    #[test]
    fn damage_is_named_with_its_place() {
        let good = pack(&[("a", b"x"), ("b", b"y")]);
        let fault = |bytes: &[u8]| Archive::new(bytes).find("zz").unwrap_err();
        let at = |offset, fault| ArchiveError { offset, fault };
        assert_eq!(fault(b""), at(0, Fault::Truncated));
        assert_eq!(fault(&good[..1024]), at(1024, Fault::Truncated));
        assert_eq!(fault(&good[..1024 + 512]), at(1024, Fault::Truncated));
        let mut bad = good.clone();
        bad[1024] = b'c';
        assert_eq!(fault(&bad), at(1024, Fault::Checksum));
        bad[1024 + MAGIC.0] = b'x';
        assert_eq!(fault(&bad), at(1024, Fault::NotUstar));
        assert_eq!(fault(&header("link", 0, b'2')), at(0, Fault::MemberType(b'2')));
    }

    proptest! {
        #[test]
        fn a_mutated_archive_never_panics(at in 0usize..2048, byte: u8, cut in 0usize..3000) {
            let mut bytes = pack(&[("a", b"x"), ("b", b"y")]);
            bytes[at] = byte;
            bytes.truncate(cut);
            let _ = Archive::new(&bytes).find("b");
        }
    }
}
