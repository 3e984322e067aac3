//! Which lines of a session's output are kept: `from `TEXT` to `TEXT``, either of them
//! optional.

use anyhow::{Context, Result, ensure};

/// The line that stands for lines that are not kept.
const LEFT_OUT: &str = "…";

/// From the first line with one text to the first line, that one included, with another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    from: Option<String>,
    to: Option<String>,
}

impl Piece {
    /// Reads a piece.
    ///
    /// # Errors
    /// If it is not of the form above.
    pub fn parse(text: &str) -> Result<Self> {
        let mut piece = Self { from: None, to: None };
        let mut rest = text.trim();
        while !rest.is_empty() {
            let parsed = rest.split_once('`').and_then(|(word, quoted)| {
                let (text, rest) = quoted.split_once('`')?;
                Some((word.trim(), text, rest))
            });
            let Some((word, quoted, after)) = parsed else { break };
            let end = match word {
                "from" if piece == (Self { from: None, to: None }) => &mut piece.from,
                "to" if piece.to.is_none() => &mut piece.to,
                _ => break,
            };
            *end = Some(quoted.to_owned());
            rest = after.trim();
        }
        let is_empty = piece.from.is_none() && piece.to.is_none();
        ensure!(rest.is_empty() && !is_empty, "`{text}` is not of the form: from `TEXT` to `TEXT`");
        Ok(piece)
    }

    /// Its lines' first and last number, none before `begin`.
    fn find(&self, lines: &[&str], begin: usize) -> Result<(usize, usize)> {
        let with = |text: &str, begin: usize| {
            let found = lines.iter().skip(begin).position(|line| line.contains(text));
            found
                .map(|at| begin + at)
                .with_context(|| format!("no line, or none in order, has `{text}`"))
        };
        let first = self.from.as_deref().map_or(Ok(begin), |text| with(text, begin))?;
        let last = self
            .to
            .as_deref()
            .map_or(Ok(lines.len().saturating_sub(1)), |text| with(text, first))?;
        Ok((first, last))
    }
}

/// The pieces of `text`, one behind the other, with a line for whatever lies between; all
/// of it without pieces.
///
/// # Errors
/// If a piece is not there behind the one before.
pub fn keep(text: &str, pieces: &[Piece]) -> Result<String> {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut kept: Vec<&str> = Vec::new();
    let mut next = 0;
    for piece in pieces {
        let (first, last) = piece.find(&lines, next)?;
        if first > next {
            kept.push(LEFT_OUT);
        }
        kept.extend(&lines[first..=last]);
        next = last + 1;
    }
    let rest = &lines[next..];
    if pieces.is_empty() {
        kept.extend(rest.iter().skip_while(|line| line.is_empty()));
    } else if rest.iter().any(|line| !line.is_empty()) {
        kept.push(LEFT_OUT);
    }
    while kept.last().is_some_and(|line| line.is_empty()) {
        kept.pop();
    }
    Ok(kept.into_iter().map(|line| format!("{line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(pieces: &[&str]) -> Result<String> {
        let pieces: Result<Vec<Piece>> = pieces.iter().map(|text| Piece::parse(text)).collect();
        keep("\na 1\nb 2\nc 3\nd 4\n\n", &pieces?)
    }

    #[test]
    fn what_is_between_pieces_becomes_one_line() {
        let all = kept(&[]).expect("kept");
        assert_eq!(all, "a 1\nb 2\nc 3\nd 4\n");
        assert_eq!(
            kept(&["from `a` to `b`", "from `d` to `d`"]).expect("kept"),
            "…\na 1\nb 2\n…\nd 4\n"
        );
        assert_eq!(kept(&["to `a`", "from `b`"]).expect("kept"), "\na 1\nb 2\nc 3\nd 4\n");
        assert_eq!(kept(&["from `b` to `2`"]).expect("kept"), "…\nb 2\n…\n");
    }

    #[test]
    fn what_is_not_there_is_told() {
        for (pieces, mention) in [
            (&["from `e`"][..], "has `e`"),
            (&["from `b` to `a`"], "has `a`"),
            (&["from `c` to `c`", "from `a` to `a`"], "has `a`"),
            (&["from `c`", "to `a`"], "has `a`"),
        ] {
            let error = kept(pieces).expect_err("not there").to_string();
            assert!(error.contains(mention), "{error}");
        }
    }

    #[test]
    fn another_form_is_refused() {
        for wrong in [
            "",
            "a",
            "from a to b",
            "from `a",
            "to `a` from `b`",
            "from `a` till `b`",
            "from `a` `b`",
        ] {
            assert!(Piece::parse(wrong).is_err(), "{wrong}");
        }
        let both = Piece::parse("from `a b` to `[c]`").expect("a piece");
        assert_eq!(both, Piece { from: Some("a b".into()), to: Some("[c]".into()) });
    }
}
