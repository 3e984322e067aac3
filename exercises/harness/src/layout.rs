//! The fields of a descriptor, register or table entry.

use core::fmt;

/// A field: its name and its highest and lowest bit.
pub type Field = (&'static str, u8, u8);

/// What the bits of a value mean, highest field first. Gaps are allowed and shown as
/// bits without a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    width: u32,
    fields: &'static [Field],
}

impl Layout {
    /// A value of `width` bits (at most 64) with these fields.
    ///
    /// # Panics
    /// At compile time, where it is a constant: if a field lies outside, is upside
    /// down, overlaps the one before it, or has a comma in its name.
    pub const fn new(width: u32, fields: &'static [Field]) -> Self {
        assert!(width >= 1 && width <= 64, "a value has 1 to 64 bits");
        let mut above = width;
        let mut next = 0;
        while next < fields.len() {
            let (name, high, low) = fields[next];
            assert!(!has_comma(name), "a field's name holds no comma: reports are cut there");
            assert!((high as u32) < above, "a field lies outside or overlaps the one before");
            assert!(low <= high, "a field is given highest bit first");
            above = low as u32;
            next += 1;
        }
        Self { width, fields }
    }

    /// The number of bits.
    pub const fn width(&self) -> u32 {
        self.width
    }
}

const fn has_comma(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b',' {
            return true;
        }
        at += 1;
    }
    false
}

/// As reports carry it: `NAME:HIGH-LOW`, with commas; `-` for a value without fields.
impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.fields.is_empty() {
            return f.write_str("-");
        }
        for (index, (name, high, low)) in self.fields.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{name}:{high}-{low}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_listed_from_the_top() {
        const GATE: Layout = Layout::new(16, &[("P", 15, 15), ("DPL", 14, 13), ("TYPE", 11, 8)]);
        assert_eq!(GATE.to_string(), "P:15-15,DPL:14-13,TYPE:11-8");
        assert_eq!(Layout::new(8, &[]).to_string(), "-");
    }
}
