//! The lines by which checks report, put together again.

use super::outcome::{Bits, CheckOutcome, Evidence};
use shared::grading::Line;

/// What was heard of one check.
#[derive(Clone, Debug)]
pub struct Heard {
    pub name: String,
    /// `None` as long as the check has not ended.
    pub outcome: Option<CheckOutcome>,
    pub evidence: Evidence,
}

/// Reads the reports of the run with this nonce, in order. Lines that only look like
/// reports are counted: nobody else should write any.
pub fn read<'a>(lines: impl Iterator<Item = &'a str>, nonce: &str) -> (Vec<Heard>, usize) {
    let mut heard: Vec<Heard> = Vec::new();
    let mut forged = 0;
    for text in lines {
        let Some(line) = Line::parse(text, nonce) else {
            forged += usize::from(Line::resembles(text));
            continue;
        };
        if let Line::Begin { check } = line {
            let evidence = Evidence::default();
            heard.push(Heard { name: check.to_owned(), outcome: None, evidence });
            continue;
        }
        let Some(current) = heard.last_mut().filter(|one| one.outcome.is_none()) else { continue };
        let evidence = &mut current.evidence;
        match line {
            Line::Begin { .. } => {}
            Line::Given { name, value } => {
                evidence.inputs.push((name.to_owned(), unescaped(value)))
            }
            Line::Expected { text } => evidence.expected = Some(unescaped(text)),
            Line::Got { text } => evidence.got = Some(unescaped(text)),
            Line::Bits { width, expected, got, fields } => {
                evidence.bits.push(Bits { width, expected, got, fields: read_fields(fields) });
            }
            Line::Panic { location, message } => {
                let (location, message) = (location.to_owned(), unescaped(message));
                current.outcome = Some(CheckOutcome::Panicked { location, message });
            }
            Line::Fail { message } => {
                current.outcome = Some(CheckOutcome::Failed { message: unescaped(message) });
            }
            Line::Pass => current.outcome = Some(CheckOutcome::Passed),
        }
    }
    (heard, forged)
}

/// `NAME:HIGH-LOW,…`, as the harness writes it.
fn read_fields(text: &str) -> Vec<(String, u8, u8)> {
    let field = |part: &str| {
        let (name, range) = part.rsplit_once(':')?;
        let (high, low) = range.split_once('-')?;
        Some((name.to_owned(), high.parse().ok()?, low.parse().ok()?))
    };
    text.split(',').filter_map(field).collect()
}

/// Line ends travel as `\n`, backslashes as two.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut escaped = false;
    for c in text.chars() {
        match (escaped, c) {
            (false, '\\') => escaped = true,
            (false, other) => plain.push(other),
            (true, other) => {
                plain.push(if other == 'n' { '\n' } else { other });
                escaped = false;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_as_they_were_written() {
        assert_eq!(unescaped(r"a\nb\\nc"), "a\nb\\nc");
    }

    #[test]
    fn reports_are_put_together_and_forgeries_counted() {
        let text = "graded 1 begin a\ngraded 1 pass\ngraded 1 begin b\ngraded 1 given x = 0x3\n\
                    graded 2 pass\ngraded 1 bits 8 0x1 0x2 P:7-7,TYPE:3-0\ngraded 1 fail no\n\
                    graded 1 pass\ngraded 1 begin c\n";
        let (heard, forged) = read(text.lines(), "1");
        assert_eq!(forged, 1);
        assert_eq!(heard.len(), 3);
        assert_eq!(heard[0].outcome, Some(CheckOutcome::Passed));
        assert_eq!(heard[1].outcome, Some(CheckOutcome::Failed { message: "no".into() }));
        assert_eq!(heard[1].evidence.inputs, [("x".to_owned(), "0x3".to_owned())]);
        assert_eq!(heard[1].evidence.bits[0].fields[1], ("TYPE".to_owned(), 3, 0));
        assert_eq!(heard[2].outcome, None);
    }
}
