//! File names for submissions, whose own names may hold anything.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// How long a name may get, in bytes: file systems take 255, endings included.
const BYTES_MAX: usize = 200;
/// Names that are taken.
const TAKEN: [&str; 1] = ["grades"];

/// The name of the submission in `folder` as a file's, without an ending: what may
/// trouble a shell, another system or a spreadsheet is written as `%` and two digits.
/// Different folders get different names.
pub fn file_name(folder: &Path) -> String {
    let bytes = folder.file_name().unwrap_or_default().as_bytes();
    let text = std::str::from_utf8(bytes).ok();
    let mut name = String::new();
    let mut say = |bytes: &[u8]| bytes.iter().for_each(|b| name.push_str(&format!("%{b:02X}")));
    match text {
        None => say(bytes),
        Some(text) => {
            for (index, c) in text.chars().enumerate() {
                let plain =
                    c.is_alphanumeric() || matches!(c, '_' | ' ' | ',' | '(' | ')' | '@' | '+');
                let inner = index > 0 && matches!(c, '.' | '-');
                let mut buffer = [0; 4];
                match plain || inner {
                    true => name.push(c),
                    false => name.push_str(
                        &c.encode_utf8(&mut buffer)
                            .bytes()
                            .map(|b| format!("%{b:02X}"))
                            .collect::<String>(),
                    ),
                }
            }
        }
    }
    if TAKEN.contains(&name.to_lowercase().as_str()) {
        name = format!("%{:02X}{}", name.as_bytes()[0], &name[1..]);
    }
    if name.len() > BYTES_MAX {
        let hash = hmac_sha256::Hash::hash(bytes);
        let mut end = BYTES_MAX - 17;
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
        name.push('%');
        hash[..8].iter().for_each(|b| name.push_str(&format!("{b:02x}")));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::HashSet, ffi::OsStr};

    #[test]
    fn ordinary_names_stay_and_odd_ones_become_harmless() {
        let name = |text: &str| file_name(&Path::new("/x").join(text));
        assert_eq!(name("Ada Lovelace"), "Ada Lovelace");
        assert_eq!(name("zoë_42.final"), "zoë_42.final");
        assert_eq!(name("a\nb"), "a%0Ab");
        assert_eq!(name("-rf"), "%2Drf");
        assert_eq!(name(".git"), "%2Egit");
        assert_eq!(name("a%0Ab"), "a%250Ab");
        assert_eq!(name("grades"), "%67rades");
        assert!(name(&"ü".repeat(120)).len() <= BYTES_MAX);
        let odd = file_name(Path::new(OsStr::from_bytes(b"/x/a\xff")));
        assert_eq!(odd, "%61%FF");
        let names: HashSet<String> =
            [240, 241].map(|length| name(&"a".repeat(length))).into_iter().collect();
        assert_eq!(names.len(), 2);
    }
}
