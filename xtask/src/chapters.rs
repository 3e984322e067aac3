//! The book's chapters, by the names that others use to send readers there.

use std::{collections::BTreeMap, sync::LazyLock};

/// `book/chapters.toml`: file name without ending, and title.
static CHAPTERS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    // Checked by a unit test, so nobody ever sees this.
    toml::from_str(include_str!("../../book/chapters.toml"))
        .unwrap_or_else(|error| panic!("book/chapters.toml: {error}"))
});

/// The title of a chapter; its name if it has none.
pub fn title(name: &str) -> &str {
    CHAPTERS.get(name).map_or(name, String::as_str)
}

/// Whether there is such a chapter.
pub fn exists(name: &str) -> bool {
    CHAPTERS.contains_key(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chapters_have_titles() {
        assert!(exists("m0-handshake") && !exists("m0-nothing"));
        assert!(CHAPTERS.values().all(|title| !title.is_empty()));
    }
}
