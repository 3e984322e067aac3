//! What does not hold in the book, and where.

use std::fmt;

/// Something that has to be put right before the book is built.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Defect {
    /// From the repository's root.
    pub file: String,
    /// From 1; 0 if it concerns the whole file.
    pub line: usize,
    /// What does not hold, in one line.
    pub message: String,
    /// Whether it is only that something is not made yet: a page, a capture.
    pub pending: bool,
}

impl Defect {
    /// One that has to be put right.
    pub fn new(file: impl Into<String>, line: usize, message: impl fmt::Display) -> Self {
        Self { file: file.into(), line, message: one_line(&message), pending: false }
    }

    /// One that will be gone when something else is made.
    pub fn pending(file: impl Into<String>, line: usize, message: impl fmt::Display) -> Self {
        Self { pending: true, ..Self::new(file, line, message) }
    }
}

fn one_line(message: &impl fmt::Display) -> String {
    message.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}: {}", self.file, self.message),
        }
    }
}
