//! From bytes of a terminal to keys.
//!
//! Letters come as themselves; arrows and their kin as sequences that begin with
//! ESC (ECMA-48, 5.4 "Control sequences"; the letters are those of xterm and of
//! everything that imitates it). What is none of these is [`Key::Unknown`].

/// What was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // keys, by their names
pub enum Key {
    /// Printable ASCII.
    Letter(u8),
    Enter,
    Backspace,
    Delete,
    Left,
    Right,
    Up,
    Down,
    Home,
    End,
    /// Ctrl-U: forget the line.
    Clear,
    /// Ctrl-C: forget the line and begin a new one.
    Cancel,
    /// Anything else.
    Unknown,
}

const CTRL_A: u8 = 0x01;
const CTRL_B: u8 = 0x02;
const CTRL_C: u8 = 0x03;
const CTRL_E: u8 = 0x05;
const CTRL_F: u8 = 0x06;
const BACKSPACE: u8 = 0x08;
const CTRL_N: u8 = 0x0e;
const CTRL_P: u8 = 0x10;
const CTRL_U: u8 = 0x15;
const ESCAPE: u8 = 0x1b;
const DELETE: u8 = 0x7f;

/// Puts sequences together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Plain,
    /// Behind a carriage return: a line feed belongs to it.
    Returned,
    /// Behind ESC.
    Escape,
    /// Behind ESC `O`, with one letter to come.
    Single,
    /// Behind ESC `[`, with the first parameter so far.
    Sequence(u8),
}

impl Keys {
    /// The key that `byte` completes, if it does.
    pub fn feed(&mut self, byte: u8) -> Option<Key> {
        let (state, key) = match (self.state, byte) {
            (_, ESCAPE) => (State::Escape, None),
            (State::Escape, b'[') => (State::Sequence(0), None),
            (State::Escape, b'O') => (State::Single, None),
            (State::Sequence(number), b'0'..=b'9') => {
                (State::Sequence(number.saturating_mul(10).saturating_add(byte - b'0')), None)
            }
            // Further parameters and intermediates tell nothing that we use.
            (State::Sequence(number), 0x20..=0x3f) => (State::Sequence(number), None),
            (State::Sequence(number), _) => (State::Plain, Some(final_key(number, byte))),
            (State::Single, _) => (State::Plain, Some(final_key(0, byte))),
            (State::Escape, _) => (State::Plain, Some(Key::Unknown)),
            (State::Returned, b'\n') => (State::Plain, None),
            (State::Plain | State::Returned, b'\r') => (State::Returned, Some(Key::Enter)),
            (State::Plain | State::Returned, _) => (State::Plain, Some(plain_key(byte))),
        };
        self.state = state;
        key
    }
}

fn plain_key(byte: u8) -> Key {
    match byte {
        b' '..=b'~' => Key::Letter(byte),
        b'\n' => Key::Enter,
        BACKSPACE | DELETE => Key::Backspace,
        CTRL_A => Key::Home,
        CTRL_E => Key::End,
        CTRL_B => Key::Left,
        CTRL_F => Key::Right,
        CTRL_P => Key::Up,
        CTRL_N => Key::Down,
        CTRL_U => Key::Clear,
        CTRL_C => Key::Cancel,
        _ => Key::Unknown,
    }
}

/// The key of a sequence with that parameter and last byte.
fn final_key(number: u8, last: u8) -> Key {
    match (last, number) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', _) => Key::Right,
        (b'D', _) => Key::Left,
        (b'H', _) | (b'~', 1 | 7) => Key::Home,
        (b'F', _) | (b'~', 4 | 8) => Key::End,
        (b'~', 3) => Key::Delete,
        _ => Key::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut keys = Keys::default();
        bytes.iter().filter_map(|&byte| keys.feed(byte)).collect()
    }

    #[test]
    fn sequences_are_one_key() {
        let arrows = keys(b"\x1b[A\x1b[B\x1b[C\x1b[D\x1bOA");
        assert_eq!(arrows, [Key::Up, Key::Down, Key::Right, Key::Left, Key::Up]);
        assert_eq!(
            keys(b"\x1b[3~\x1b[1~\x1b[4~\x1b[H"),
            [Key::Delete, Key::Home, Key::End, Key::Home]
        );
        assert_eq!(keys(b"\x1b[1;5Cx"), [Key::Right, Key::Letter(b'x')], "Ctrl-Right");
        assert_eq!(keys(b"\x1b[200~x"), [Key::Unknown, Key::Letter(b'x')]);
    }

    #[test]
    fn a_line_ends_once_however_it_ends() {
        let entered = |text: &[u8]| keys(text).iter().filter(|key| **key == Key::Enter).count();
        assert_eq!(entered(b"a\rb\r"), 2);
        assert_eq!(entered(b"a\nb\n"), 2);
        assert_eq!(entered(b"a\r\nb\r\n"), 2);
        assert_eq!(entered(b"\r\r\n\n"), 3);
    }

    #[test]
    fn bytes_beyond_ascii_are_no_letters() {
        assert_eq!(keys("é".as_bytes()), [Key::Unknown, Key::Unknown]);
        assert_eq!(keys(&[0, 0x07, 0xff]), [Key::Unknown; 3]);
    }
}
