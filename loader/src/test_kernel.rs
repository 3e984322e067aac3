//! Kernel files for host tests, made field by field so that each can be wrong.

use elf::abi;

pub const EHDR: usize = 64;
pub const PHDR: usize = 56;
pub const SHDR: usize = 64;

/// Program header to be.
#[derive(Clone, Debug)]
pub struct Part {
    pub kind: u32,
    pub flags: u32,
    pub address: u64,
    pub size: u64,
    pub data: Vec<u8>,
}

impl Part {
    /// A loadable segment, exactly as large as its data.
    pub fn load(flags: u32, address: u64, data: &[u8]) -> Self {
        let size = data.len() as u64;
        Self { kind: abi::PT_LOAD, flags, address, size, data: data.to_vec() }
    }
}

pub const RX: u32 = abi::PF_R | abi::PF_X;
pub const R: u32 = abi::PF_R;
pub const RW: u32 = abi::PF_R | abi::PF_W;

/// A kernel file to be.
#[derive(Clone, Debug)]
pub struct Kernel {
    pub kind: u16,
    pub machine: u16,
    pub entry: u64,
    pub parts: Vec<Part>,
}

impl Kernel {
    /// Text, read-only data, and data with `requests` and a page of zeroes
    /// behind; linked at `base`.
    pub fn new(kind: u16, base: u64, requests: &[u8]) -> Self {
        let mut data = Part::load(RW, base + 0x2000, requests);
        data.size += 0x1000;
        let parts = vec![
            Part::load(RX, base, &[0x90; 0x123]),
            Part::load(R, base + 0x1000, b"constant"),
            data,
        ];
        Self { kind, machine: abi::EM_X86_64, entry: base + 0x10, parts }
    }

    /// A static kernel at the lowest address.
    pub fn fixed(requests: &[u8]) -> Self {
        Self::new(abi::ET_EXEC, crate::image::HIGHER_HALF, requests)
    }

    /// A position-independent kernel that relocates the words of its data at
    /// the given offsets.
    pub fn movable(requests: &[u8], relocations: &[(u64, u32, i64)]) -> Self {
        let mut kernel = Self::new(abi::ET_DYN, 0, requests);
        let mut table = Vec::new();
        for &(offset, kind, addend) in relocations {
            table.extend(offset.to_le_bytes());
            table.extend(u64::from(kind).to_le_bytes());
            table.extend(addend.to_le_bytes());
        }
        let mut dynamic = Vec::new();
        for (tag, value) in [
            (abi::DT_RELA, 0x6000),
            (abi::DT_RELASZ, table.len() as u64),
            (abi::DT_RELAENT, 24),
            (abi::DT_NULL, 0),
        ] {
            dynamic.extend(tag.to_le_bytes());
            dynamic.extend(value.to_le_bytes());
        }
        kernel.parts.push(Part::load(R, 0x6000, &table));
        let mut part = Part::load(R, 0x7000, &dynamic);
        kernel.parts.push(part.clone());
        part.kind = abi::PT_DYNAMIC;
        kernel.parts.push(part);
        kernel
    }

    /// The file: header, program headers, contents, one section header.
    pub fn file(&self) -> Vec<u8> {
        let contents = EHDR + self.parts.len() * PHDR;
        let sections = contents + self.parts.iter().map(|part| part.data.len()).sum::<usize>();
        let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        file.extend(self.kind.to_le_bytes());
        file.extend(self.machine.to_le_bytes());
        file.extend(1u32.to_le_bytes());
        for word in [self.entry, EHDR as u64, sections as u64] {
            file.extend(word.to_le_bytes());
        }
        file.extend(0u32.to_le_bytes());
        for half in [EHDR, PHDR, self.parts.len(), SHDR, 1, 0] {
            file.extend((half as u16).to_le_bytes());
        }
        let mut offset = contents as u64;
        for part in &self.parts {
            file.extend(part.kind.to_le_bytes());
            file.extend(part.flags.to_le_bytes());
            let length = part.data.len() as u64;
            for word in [offset, part.address, part.address, length, part.size, 0x1000] {
                file.extend(word.to_le_bytes());
            }
            offset += length;
        }
        for part in &self.parts {
            file.extend(&part.data);
        }
        file.extend([0; SHDR]);
        file
    }
}
