//! From an address to function, file and line, by the debug information of the
//! kernel (and of the loader, whose addresses lie elsewhere), and to the machine
//! code that stands there in the file.

use addr2line::Context as Lines;
use anyhow::{Context, Result};
use object::{Object, ObjectSection, ObjectSegment, ObjectSymbol};
use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
    rc::Rc,
};

type Reader = gimli::EndianRcSlice<gimli::LittleEndian>;

/// The symbols of everything that runs in the guest.
pub struct Symbols {
    images: Vec<Image>,
    root: PathBuf,
}

/// One ELF file.
struct Image {
    segments: Vec<Segment>,
    lines: Lines<Reader>,
    /// Function symbols by address, for code without line information.
    functions: Vec<(u64, u64, String)>,
}

/// A part of an image with the same rights.
struct Segment {
    range: Range<u64>,
    section: Section,
    /// What the file holds of it.
    contents: Vec<u8>,
}

/// What a part of a kernel's image is for, by its rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Text,
    Constants,
    Data,
}

/// A place in the sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The function's name without its hash.
    pub function: String,
    /// `file:line`, if known.
    pub line: Option<String>,
    /// The line's text, if the file is there.
    pub source: Option<SourceLine>,
    /// Whether it is in the workspace, not in a library.
    pub own: bool,
}

/// A line of a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLine {
    pub number: u32,
    pub text: String,
}

impl SourceLine {
    /// Reads a line of `file`; an empty one says nothing.
    pub fn read(file: &Path, number: u32) -> Option<Self> {
        let text = std::fs::read_to_string(file).ok()?;
        let line = text.lines().nth(usize::try_from(number).ok()?.checked_sub(1)?)?.trim();
        (!line.is_empty()).then(|| Self { number, text: line.to_owned() })
    }
}

impl fmt::Display for SourceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>5} > {}", self.number, self.text)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        match &self.line {
            Some(line) => write!(f, " ({line})"),
            None => Ok(()),
        }
    }
}

impl Symbols {
    /// Reads the debug information of `files`; paths below `root` are shown
    /// relative to it.
    pub fn load(files: &[&Path], root: &Path) -> Result<Self> {
        let images = files
            .iter()
            .map(|file| {
                Image::load(file)
                    .with_context(|| format!("cannot read symbols of {}", file.display()))
            })
            .collect::<Result<_>>()?;
        Ok(Self { images, root: root.to_owned() })
    }

    /// Symbols of nothing, where nothing ran.
    pub fn none() -> Self {
        Self { images: Vec::new(), root: PathBuf::new() }
    }

    /// The address with its place, for people: the innermost one of our own, for what
    /// a library inlines says little.
    pub fn describe(&self, address: u64) -> String {
        let places = self.places(address);
        match places.iter().find(|place| place.own).or(places.first()) {
            Some(place) => format!("{address:#018x} {place}"),
            None => format!("{address:#018x} (no kernel code)"),
        }
    }

    /// The line that a panic's location (`file:line:column`) names.
    pub fn panic_line(&self, location: &str) -> Option<SourceLine> {
        let mut parts = location.rsplitn(3, ':').skip(1);
        let number = parts.next()?.parse().ok()?;
        SourceLine::read(&self.root.join(parts.next()?), number)
    }

    /// Up to `length` bytes of the file from `address` on, if it is machine code.
    pub fn code(&self, address: u64, length: u64) -> Option<&[u8]> {
        let segment = self.segment(address).filter(|one| one.section == Section::Text)?;
        let start = usize::try_from(address - segment.range.start).ok()?;
        let rest = segment.contents.get(start..)?;
        Some(&rest[..rest.len().min(usize::try_from(length).ok()?)])
    }

    /// What the part of an image that holds `address` is for.
    pub fn section(&self, address: u64) -> Option<Section> {
        self.segment(address).map(|segment| segment.section)
    }

    fn segment(&self, address: u64) -> Option<&Segment> {
        let mut segments = self.images.iter().flat_map(|image| &image.segments);
        segments.find(|segment| segment.range.contains(&address))
    }

    /// The place of the instruction at `address`: the innermost inlined
    /// function first, its callers after it. Empty if it is no known code.
    pub fn places(&self, address: u64) -> Vec<Place> {
        let image = self.images.iter().find(|image| image.holds(address));
        image.map(|image| image.places(address, &self.root)).unwrap_or_default()
    }
}

impl Image {
    fn load(file: &Path) -> Result<Self> {
        let bytes = std::fs::read(file)?;
        let elf = object::File::parse(bytes.as_slice())?;
        let section = |id: gimli::SectionId| -> Result<Reader, gimli::Error> {
            let data = elf.section_by_name(id.name()).and_then(|section| section.data().ok());
            Ok(Reader::new(Rc::from(data.unwrap_or_default()), gimli::LittleEndian))
        };
        let lines = Lines::from_dwarf(gimli::Dwarf::load(section)?)?;
        let mut functions: Vec<_> = elf
            .symbols()
            .filter(|symbol| match symbol.kind() {
                object::SymbolKind::Text => true,
                // A label in assembly has no type.
                object::SymbolKind::Unknown => symbol
                    .section_index()
                    .and_then(|index| elf.section_by_index(index).ok())
                    .is_some_and(|section| section.kind() == object::SectionKind::Text),
                _ => false,
            })
            .filter_map(|symbol| Some((symbol.address(), symbol.size(), symbol.name().ok()?)))
            .map(|(address, size, name)| {
                (address, size, addr2line::demangle_auto(name.into(), None).into_owned())
            })
            .collect();
        functions.sort_unstable();
        let segments = elf
            .segments()
            .map(|segment| {
                let start = segment.address();
                Ok(Segment {
                    range: start..start.saturating_add(segment.size()),
                    section: section_of(segment.flags()),
                    contents: segment.data()?.to_vec(),
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { segments, lines, functions })
    }

    fn holds(&self, address: u64) -> bool {
        self.segments.iter().any(|segment| segment.range.contains(&address))
    }

    fn places(&self, address: u64, root: &Path) -> Vec<Place> {
        let mut places = Vec::new();
        if let Ok(mut frames) = self.lines.find_frames(address).skip_all_loads() {
            // A broken entry ends the list; what was found stands.
            while let Ok(Some(frame)) = frames.next() {
                let name = frame.function.as_ref().and_then(|name| name.demangle().ok());
                let (file, number) = frame.location.map_or((None, None), |at| (at.file, at.line));
                let file = file.map(from_stage);
                let line = file.map(|file| match number {
                    Some(number) => format!("{}:{number}", short(file, root)),
                    None => short(file, root),
                });
                let source = file
                    .zip(number)
                    .and_then(|(file, number)| SourceLine::read(&root.join(file), number));
                let function = match name {
                    Some(name) => without_hash(&name).to_owned(),
                    None => match self.symbol(address) {
                        Some(name) => name,
                        None => continue,
                    },
                };
                let own = file.is_some_and(|file| root.join(file).starts_with(root));
                places.push(Place { function, line, source, own });
            }
        }
        if places.is_empty() {
            let nameless = |function| Place { function, line: None, source: None, own: false };
            places.extend(self.symbol(address).map(nameless));
        }
        places
    }

    /// The last function symbol at or below `address`, unless it ends earlier.
    fn symbol(&self, address: u64) -> Option<String> {
        let after = self.functions.partition_point(|(start, _, _)| *start <= address);
        let (start, size, name) = self.functions.get(after.checked_sub(1)?)?;
        let inside = *size == 0 || address < start + size;
        inside.then(|| without_hash(name).to_owned())
    }
}

fn section_of(flags: object::SegmentFlags) -> Section {
    match flags {
        object::SegmentFlags::Elf { p_flags, .. } if p_flags.contains(object::elf::PF_X) => {
            Section::Text
        }
        object::SegmentFlags::Elf { p_flags, .. } if p_flags.contains(object::elf::PF_W) => {
            Section::Data
        }
        _ => Section::Constants,
    }
}

/// A demangled name without the compiler's hash (`::h0123456789abcdef`).
pub fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((rest, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            rest
        }
        _ => name,
    }
}

/// A path as it is from a stage's root: its libraries may come from another stage.
fn from_stage(file: &str) -> &str {
    let stage = file.split_once("/exercises/stage-").and_then(|(_, rest)| rest.split_once('/'));
    stage.map_or(file, |(_, below)| below)
}

/// A source path for people: relative to the workspace, or from the name of the
/// library on.
fn short(file: &str, root: &Path) -> String {
    if let Ok(below) = Path::new(file).strip_prefix(root) {
        return below.display().to_string();
    }
    for (marker, keep) in [("/registry/src/", 1), ("/library/", 0)] {
        if let Some((_, rest)) = file.split_once(marker) {
            return rest.splitn(keep + 1, '/').last().unwrap_or(rest).to_owned();
        }
    }
    file.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn known_function(n: u64) -> u64 {
        std::hint::black_box(n) + 1
    }

    /// This test binary is itself an ELF file with debug information.
    #[test]
    #[cfg(target_os = "linux")]
    fn finds_function_and_line_of_a_known_address() {
        let own = std::env::current_exe().expect("own path");
        let bytes = std::fs::read(&own).expect("own file");
        let elf = object::File::parse(bytes.as_slice()).expect("own ELF");
        let address = elf
            .symbols()
            .find(|symbol| symbol.name().is_ok_and(|name| name.contains("known_function")))
            .expect("symbol of known_function")
            .address();
        assert_eq!(known_function(1), 2);
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("workspace");
        let symbols = Symbols::load(&[&own], root).expect("own symbols");
        let places = symbols.places(address);
        let place = places.first().expect("a place");
        assert!(place.function.ends_with("known_function"), "{place}");
        let line = place.line.as_deref().expect("a line");
        assert!(line.contains("src/symbolise.rs:"), "{line}");
        assert!(place.own);
        let source = place.source.as_ref().expect("the source is here");
        assert!(source.text.contains("fn known_function"), "{source}");
        assert_eq!(symbols.section(address), Some(Section::Text));
        assert_eq!(symbols.code(address, 4).map(<[u8]>::len), Some(4));
    }

    #[test]
    fn an_address_outside_has_no_place() {
        let own = std::env::current_exe().expect("own path");
        let symbols = Symbols::load(&[&own], Path::new("/")).expect("own symbols");
        assert_eq!(symbols.places(u64::MAX), []);
        assert_eq!(symbols.describe(u64::MAX), "0xffffffffffffffff (no kernel code)");
    }

    #[test]
    fn paths_are_shortened() {
        let root = Path::new("/w/myria");
        assert_eq!(short("/w/myria/m0-boot/src/main.rs", root), "m0-boot/src/main.rs");
        assert_eq!(
            short("/h/.cargo/registry/src/index-1/spin-0.12.0/src/once.rs", root),
            "spin-0.12.0/src/once.rs"
        );
        assert_eq!(
            short("/rustc/abc/library/core/src/panicking.rs", root),
            "core/src/panicking.rs"
        );
        assert_eq!(short("relative.rs", root), "relative.rs");
    }

    #[test]
    fn a_stage_s_files_are_those_of_every_stage() {
        let file = "/w/target/exercises/stage-3/m0-boot/src/idt.rs";
        assert_eq!(from_stage(file), "m0-boot/src/idt.rs");
        assert_eq!(from_stage("/w/exercises/x.rs"), "/w/exercises/x.rs");
    }

    #[test]
    fn hashes_are_dropped() {
        assert_eq!(without_hash("a::b::h0123456789abcdef"), "a::b");
        assert_eq!(without_hash("a::help"), "a::help");
    }
}
