//! Two columns of text on a terminal, wrapped where they are too narrow.

use std::io::IsTerminal;

/// The width where nobody says which it is.
const WIDTH: usize = 140;
/// The narrowest that two columns are readable in.
const NARROWEST: usize = 60;

/// Two columns of equal width with a sign between them.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    width: usize,
}

impl Columns {
    /// As wide as the terminal, or as `COLUMNS` says.
    pub fn fitting() -> Self {
        let asked = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
        let terminal = || {
            let stdout = std::io::stdout();
            let size = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(stdout));
            size.and_then(Result::ok).map(|size| usize::from(size.ws_col))
        };
        Self::of(asked.or_else(terminal).filter(|&width| width > 0).unwrap_or(WIDTH))
    }

    /// Within `total` characters.
    pub fn of(total: usize) -> Self {
        Self { width: (total.max(NARROWEST) - 5) / 2 }
    }

    /// The lines of one row; the sign stands on the first.
    pub fn row(self, left: &str, sign: char, right: &str) -> Vec<String> {
        let (left, right) = (wrap(left, self.width), wrap(right, self.width));
        (0..left.len().max(right.len()))
            .map(|index| {
                let at = |lines: &[String]| lines.get(index).cloned().unwrap_or_default();
                let (left, right) = (at(&left), at(&right));
                let sign = if index == 0 { sign } else { ' ' };
                let gap = " ".repeat(self.width.saturating_sub(left.chars().count()));
                format!("{left}{gap}  {sign}  {right}").trim_end().to_owned()
            })
            .collect()
    }
}

/// `text` in lines of at most `width` characters, broken at spaces where there are
/// any; what continues a line is indented by two more.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let indent = text.chars().take_while(|c| *c == ' ').count().min(width / 2);
    let continued = " ".repeat(indent + 2);
    let mut lines = Vec::new();
    let mut rest: Vec<char> = text.chars().collect();
    while rest.len() > width {
        let from = if lines.is_empty() { indent } else { continued.len() };
        let space = (from + 1..=width).rev().find(|&at| rest[at] == ' ');
        let (end, next) = space.map_or((width, width), |at| (at, at + 1));
        lines.push(rest[..end].iter().collect());
        rest = continued.chars().chain(rest[next..].iter().copied()).collect();
    }
    lines.push(rest.into_iter().collect());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_wrapped_and_none_is_lost() {
        assert_eq!(wrap("short", 10), ["short"]);
        assert_eq!(wrap("one two three", 8), ["one two", "  three"]);
        assert_eq!(wrap("abcdefghij", 6), ["abcdef", "  ghij"]);
        assert_eq!(wrap("    a bb cc dd", 9), ["    a bb", "      cc", "      dd"]);
    }

    #[test]
    fn both_sides_share_their_lines() {
        let rows = Columns::of(65).row("left", '+', "right");
        assert_eq!(rows, [format!("{:30}  +  right", "left")]);
        let rows = Columns::of(65).row(&"word ".repeat(8), ' ', "");
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| row.chars().count() <= 65));
    }
}
