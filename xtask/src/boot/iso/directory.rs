//! The folders of an ISO 9660 volume.

use super::{SECTOR, both_endian_16, both_endian_32, put};
use anyhow::{Result, ensure};

/// The longest name without separators (ECMA-119 7.5.1).
const NAME_MAX: usize = 30;

/// All folders of a volume. The first is the root.
pub struct Tree {
    folders: Vec<Folder>,
}

/// A folder: where it lies, and what is in it.
struct Folder {
    /// Its name as people write it; the root's is empty.
    name: String,
    /// The index of the folder that it is in. The root is in itself.
    parent: usize,
    sector: usize,
    size: usize,
    entries: Vec<Entry>,
}

struct Entry {
    identifier: Vec<u8>,
    place: Place,
}

#[derive(Clone, Copy)]
enum Place {
    File {
        sector: usize,
        size: usize,
    },
    /// By index.
    Folder(usize),
}

impl Tree {
    /// An empty root.
    pub fn new() -> Self {
        Self { folders: vec![Folder::new("", 0)] }
    }

    /// Adds a file, and the folders on its path. Names are written in upper case,
    /// which readers do not mind.
    ///
    /// # Errors
    /// A name is too long, or there is such a file.
    pub fn add_file(&mut self, path: &str, sector: usize, size: usize) -> Result<()> {
        let mut folder = 0;
        let mut parts = path.split('/').peekable();
        while let Some(name) = parts.next() {
            let letters = name.chars().filter(|&c| c != '.').count();
            ensure!(
                name.is_ascii() && letters <= NAME_MAX && name.matches('.').count() <= 1,
                "a CD cannot hold {path}: a name has at most {NAME_MAX} ASCII characters and a dot"
            );
            if parts.peek().is_some() {
                folder = self.subfolder(folder, name);
                continue;
            }
            // Version 1; a name without dot ends with one.
            let dot = if name.contains('.') { "" } else { "." };
            let identifier = format!("{}{dot};1", name.to_ascii_uppercase()).into_bytes();
            let entries = &mut self.folders[folder].entries;
            ensure!(
                entries.iter().all(|entry| entry.identifier != identifier),
                "a CD cannot hold two files {path}, in capitals or not"
            );
            entries.push(Entry { identifier, place: Place::File { sector, size } });
        }
        Ok(())
    }

    /// The folder `name` in another, made if it is not there.
    fn subfolder(&mut self, parent: usize, name: &str) -> usize {
        let known = self.folders.iter().skip(1);
        let found = known
            .zip(1..)
            .find(|(folder, _)| folder.parent == parent && folder.name.eq_ignore_ascii_case(name));
        if let Some((_, index)) = found {
            return index;
        }
        let index = self.folders.len();
        self.folders.push(Folder::new(name, parent));
        let identifier = name.to_ascii_uppercase().into_bytes();
        self.folders[parent].entries.push(Entry { identifier, place: Place::Folder(index) });
        index
    }

    /// Gives the root the sector `root` and all other folders those from `next` on.
    pub fn lay_out(&mut self, root: usize, mut next: usize) {
        for index in 0..self.folders.len() {
            // ECMA-119 9.3: entries are in the order of their names.
            self.folders[index].entries.sort_by(|a, b| a.identifier.cmp(&b.identifier));
            let size = self.bytes(index).len();
            let folder = &mut self.folders[index];
            folder.size = size;
            folder.sector = if index == 0 { root } else { next };
            if index > 0 {
                next += size / SECTOR;
            }
        }
    }

    /// Sector and bytes of each folder, after [`lay_out`](Self::lay_out).
    pub fn contents(&self) -> impl Iterator<Item = (usize, Vec<u8>)> {
        self.folders.iter().enumerate().map(|(index, folder)| (folder.sector, self.bytes(index)))
    }

    /// The root's record.
    pub fn root_record(&self) -> Vec<u8> {
        self.record_of(0, &[0])
    }

    /// ECMA-119 6.9: all folders, by level, parent and name, with numbers as `long`
    /// and `short` write them.
    pub fn path_table(&self, long: fn(u32) -> [u8; 4], short: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let mut order = vec![0];
        let mut table = path_record(&[0], long(self.folders[0].sector as u32), short(1));
        let mut at = 0;
        while let Some(&parent) = order.get(at) {
            at += 1;
            for entry in &self.folders[parent].entries {
                if let Place::Folder(index) = entry.place {
                    let sector = long(self.folders[index].sector as u32);
                    // Parents are counted from 1, in the table's order.
                    table.extend(path_record(&entry.identifier, sector, short(at as u16)));
                    order.push(index);
                }
            }
        }
        table
    }

    /// Records one after the other; none crosses the border of a sector.
    fn bytes(&self, index: usize) -> Vec<u8> {
        let folder = &self.folders[index];
        // A folder begins with itself and the one that it is in.
        let mut records = vec![self.record_of(index, &[0]), self.record_of(folder.parent, &[1])];
        records.extend(folder.entries.iter().map(|entry| match entry.place {
            Place::File { sector, size } => record(&entry.identifier, sector, size, false),
            Place::Folder(index) => self.record_of(index, &entry.identifier),
        }));
        let mut bytes = Vec::new();
        for record in records {
            if bytes.len() % SECTOR + record.len() > SECTOR {
                bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
            }
            bytes.extend(record);
        }
        bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
        bytes
    }

    fn record_of(&self, index: usize, identifier: &[u8]) -> Vec<u8> {
        let folder = &self.folders[index];
        record(identifier, folder.sector, folder.size, true)
    }
}

impl Folder {
    fn new(name: &str, parent: usize) -> Self {
        Self { name: name.to_owned(), parent, sector: 0, size: 0, entries: Vec::new() }
    }
}

/// ECMA-119 9.1, without a date.
fn record(identifier: &[u8], sector: usize, size: usize, is_folder: bool) -> Vec<u8> {
    let length = (33 + identifier.len()).next_multiple_of(2);
    let mut record = vec![0; length];
    record[0] = length as u8;
    put(&mut record, 2, &both_endian_32(sector));
    put(&mut record, 10, &both_endian_32(size));
    record[25] = if is_folder { 2 } else { 0 };
    put(&mut record, 28, &both_endian_16(1));
    record[32] = identifier.len() as u8;
    put(&mut record, 33, identifier);
    record
}

/// ECMA-119 9.4; numbers as bytes in the table's order.
fn path_record(identifier: &[u8], location: [u8; 4], parent: [u8; 2]) -> Vec<u8> {
    let mut record = vec![identifier.len() as u8, 0];
    record.extend(location);
    record.extend(parent);
    record.extend_from_slice(identifier);
    record.resize(record.len().next_multiple_of(2), 0);
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_record_crosses_a_sector() {
        let mut tree = Tree::new();
        for index in 0..100 {
            tree.add_file(&format!("a/a-file-with-a-name-{index:03}"), 50, 7).expect("fits");
        }
        tree.lay_out(22, 40);
        let (sector, bytes) = tree.contents().nth(1).expect("the folder");
        assert_eq!(sector, 40);
        let (mut at, mut found) = (0, 0);
        while at < bytes.len() {
            match usize::from(bytes[at]) {
                0 => at = (at + 1).next_multiple_of(SECTOR),
                length => {
                    assert_eq!(at / SECTOR, (at + length - 1) / SECTOR);
                    (at, found) = (at + length, found + 1);
                }
            }
        }
        assert_eq!(found, 102);
        assert_eq!(bytes[10..14], (bytes.len() as u32).to_le_bytes());
    }

    #[test]
    fn two_names_that_differ_in_case_are_one() {
        let mut tree = Tree::new();
        tree.add_file("boot/kernel", 1, 1).expect("the first");
        tree.add_file("Boot/kernel2", 1, 1).expect("in the same folder");
        assert_eq!(tree.folders.len(), 2);
        assert!(tree.add_file("boot/KERNEL", 2, 2).is_err());
    }
}
