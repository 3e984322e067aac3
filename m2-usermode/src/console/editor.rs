//! The line editor: keys come in, the terminal is told what to show, lines come
//! out. It needs no heap and knows no device.
//!
//! | key | does |
//! | --- | --- |
//! | letters, Backspace, Delete | edit at the cursor |
//! | ←, →, Home or Ctrl-A, End or Ctrl-E | move the cursor |
//! | ↑, ↓ | fetch earlier lines back |
//! | Ctrl-U | forget the line |
//! | Ctrl-C | forget it and begin a new one |
//!
//! A line that would grow past its limit is cut, with a bell, and then refused as a
//! whole: half a command may mean something else.

use super::history::{History, LINE_BYTES, Line};
use super::keys::{Key, Keys};
use core::fmt::{self, Write};

/// Rings a terminal's bell.
const BELL: &str = "\x07";

/// What came of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// A line, perhaps empty.
    Line(Line),
    /// A line that was cut at [`LINE_BYTES`].
    TooLong,
    /// None: it was forgotten.
    Cancelled,
}

/// A line under way.
#[derive(Clone, Debug, Default)]
pub struct Editor {
    keys: Keys,
    line: Line,
    /// Letters before the cursor.
    cursor: usize,
    /// Something did not fit.
    cut: bool,
    history: History,
}

impl Editor {
    /// An empty line.
    pub fn new() -> Self {
        Self { history: History::new(), ..Self::default() }
    }

    /// Takes one byte of input, writes what changes on the `screen`, and returns
    /// the line if it was the last byte of one.
    ///
    /// # Errors
    /// The screen's.
    pub fn feed(
        &mut self,
        byte: u8,
        screen: &mut impl Write,
    ) -> Result<Option<Entered>, fmt::Error> {
        let Some(key) = self.keys.feed(byte) else { return Ok(None) };
        match key {
            Key::Letter(letter) => self.insert(letter, screen)?,
            Key::Backspace if self.cursor > 0 => {
                self.move_to(self.cursor - 1, screen)?;
                self.remove(screen)?;
            }
            Key::Delete if self.cursor < self.line.len() => self.remove(screen)?,
            Key::Left if self.cursor > 0 => self.move_to(self.cursor - 1, screen)?,
            Key::Right if self.cursor < self.line.len() => self.move_to(self.cursor + 1, screen)?,
            Key::Home => self.move_to(0, screen)?,
            Key::End => self.move_to(self.line.len(), screen)?,
            Key::Up => match self.history.older(self.line) {
                Some(line) => self.replace(line, screen)?,
                None => screen.write_str(BELL)?,
            },
            Key::Down => match self.history.newer() {
                Some(line) => self.replace(line, screen)?,
                None => screen.write_str(BELL)?,
            },
            Key::Clear => self.replace(Line::new(), screen)?,
            Key::Cancel => {
                screen.write_str("^C\n")?;
                self.take();
                return Ok(Some(Entered::Cancelled));
            }
            Key::Enter => {
                screen.write_str("\n")?;
                let cut = self.cut;
                let line = self.take();
                if cut {
                    return Ok(Some(Entered::TooLong));
                }
                self.history.push(line);
                return Ok(Some(Entered::Line(line)));
            }
            Key::Backspace | Key::Delete | Key::Left | Key::Right | Key::Unknown => {
                screen.write_str(BELL)?;
            }
        }
        Ok(None)
    }

    /// Empties the line.
    fn take(&mut self) -> Line {
        self.cursor = 0;
        self.cut = false;
        core::mem::take(&mut self.line)
    }

    fn insert(&mut self, letter: u8, screen: &mut impl Write) -> fmt::Result {
        if self.line.len() == LINE_BYTES {
            self.cut = true;
            return screen.write_str(BELL);
        }
        let (before, after) = self.line.split_at(self.cursor);
        let mut line = Line::new();
        // There is room for one more.
        line.push_str(before);
        line.push(char::from(letter));
        line.push_str(after);
        write!(screen, "{}{after}", char::from(letter))?;
        back(after.len(), screen)?;
        self.line = line;
        self.cursor += 1;
        Ok(())
    }

    /// Removes the letter at the cursor.
    fn remove(&mut self, screen: &mut impl Write) -> fmt::Result {
        self.line.remove(self.cursor);
        self.cut = false;
        let after = &self.line[self.cursor..];
        write!(screen, "{after} ")?;
        back(after.len() + 1, screen)
    }

    fn move_to(&mut self, cursor: usize, screen: &mut impl Write) -> fmt::Result {
        if cursor > self.cursor {
            screen.write_str(&self.line[self.cursor..cursor])?;
        } else {
            back(self.cursor - cursor, screen)?;
        }
        self.cursor = cursor;
        Ok(())
    }

    /// Shows another line instead.
    fn replace(&mut self, line: Line, screen: &mut impl Write) -> fmt::Result {
        const ERASE_TO_END: &str = "\x1b[K";
        back(self.cursor, screen)?;
        write!(screen, "{ERASE_TO_END}{line}")?;
        self.cut = false;
        self.cursor = line.len();
        self.line = line;
        Ok(())
    }
}

/// Moves the terminal's cursor to the left.
fn back(columns: usize, screen: &mut impl Write) -> fmt::Result {
    if columns == 0 { Ok(()) } else { write!(screen, "\x1b[{columns}D") }
}

#[cfg(test)]
mod tests;
