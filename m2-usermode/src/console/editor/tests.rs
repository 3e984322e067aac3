//! The editor against a terminal that does what it is told.

use super::*;
use proptest::prelude::*;

/// One row of a terminal.
#[derive(Default)]
struct Screen {
    row: Vec<char>,
    column: usize,
    bells: usize,
    sequence: Option<String>,
}

impl Write for Screen {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().for_each(|c| self.put(c));
        Ok(())
    }
}

impl Screen {
    fn put(&mut self, c: char) {
        if let Some(sequence) = &mut self.sequence {
            sequence.push(c);
            if c.is_ascii_alphabetic() {
                let sequence = self.sequence.take().expect("a sequence");
                match sequence
                    .strip_prefix('[')
                    .and_then(|rest| rest.split_at_checked(rest.len() - 1))
                {
                    Some((columns, "D")) => {
                        let columns: usize = columns.parse().expect("a number");
                        self.column = self.column.checked_sub(columns).expect("left of the line");
                    }
                    Some(("", "K")) => self.row.truncate(self.column),
                    _ => panic!("unexpected sequence {sequence:?}"),
                }
            }
            return;
        }
        match c {
            '\x1b' => self.sequence = Some(String::new()),
            '\x07' => self.bells += 1,
            '\n' => (self.row, self.column) = (Vec::new(), 0),
            _ => {
                if self.row.len() == self.column {
                    self.row.push(c);
                } else {
                    self.row[self.column] = c;
                }
                self.column += 1;
            }
        }
    }

    fn text(&self) -> String {
        self.row.iter().collect::<String>().trim_end().to_owned()
    }
}

fn type_in(editor: &mut Editor, bytes: &[u8]) -> (Vec<Entered>, Screen) {
    let mut screen = Screen::default();
    let fed = bytes.iter().filter_map(|&byte| editor.feed(byte, &mut screen).expect("a screen"));
    (fed.collect(), screen)
}

fn lines(bytes: &[u8]) -> Vec<String> {
    let (entered, _) = type_in(&mut Editor::new(), bytes);
    let text = |entered: &Entered| match entered {
        Entered::Line(line) => line.to_string(),
        other => format!("{other:?}"),
    };
    entered.iter().map(text).collect()
}

#[test]
fn lines_are_edited_where_the_cursor_is() {
    assert_eq!(lines(b"wlak\x1b[D\x1b[D\x1b[D\x1b[3~\x1b[Cl\r"), ["walk"]);
    assert_eq!(lines(b"elp\x01h\x05!\x7f\r"), ["help"]);
    assert_eq!(lines(b"regions\x15ticks\r"), ["ticks"]);
    assert_eq!(lines(b"heap\x03frames\r"), ["Cancelled", "frames"]);
}

#[test]
fn arrows_fetch_lines_back() {
    assert_eq!(lines(b"one\rtwo\r\x1b[A\x1b[A\r"), ["one", "two", "one"]);
    assert_eq!(lines(b"one\rdra\x1b[A\x1b[Bft\r"), ["one", "draft"]);
}

#[test]
fn a_cut_line_is_refused_as_a_whole_unless_it_is_mended() {
    let full = [b'x'; LINE_BYTES];
    let with = |rest: &[u8]| lines(&[&full[..], rest].concat());
    let whole = String::from_utf8(full.to_vec()).expect("text");
    assert_eq!(with(b"\r"), [whole]);
    assert_eq!(with(b"y\rheap\r"), ["TooLong", "heap"]);
    assert_eq!(with(b"y\x15heap\r"), ["heap"]);
}

#[test]
fn what_is_no_letter_rings_and_leaves_the_line() {
    let (entered, screen) = type_in(&mut Editor::new(), b"he\x00\xff\x1b[99~ap");
    assert_eq!((entered, screen.text().as_str(), screen.bells), (vec![], "heap", 3));
}

proptest! {
    /// Whatever comes, the line stays within its limit and is what one sees.
    #[test]
    fn the_screen_shows_the_line(bytes in prop::collection::vec(byte(), 0..400)) {
        let mut editor = Editor::new();
        let mut screen = Screen::default();
        for byte in bytes {
            let entered = editor.feed(byte, &mut screen).expect("a screen");
            prop_assert!(editor.line.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            prop_assert!(editor.cursor <= editor.line.len());
            prop_assert_eq!(screen.column, editor.cursor);
            prop_assert_eq!(screen.text(), editor.line.trim_end());
            if entered.is_some() {
                prop_assert!(editor.line.is_empty());
            }
        }
    }
}

/// Letters, the keys there are, and rubbish.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        4 => b'a'..=b'z',
        2 => prop::sample::select(b"\x1b[OABCD3~\x01\x05\x08\x7f\x15\x03\r\n ".to_vec()),
        1 => any::<u8>(),
    ]
}
