//! Single keys at the terminal.

use super::Event;
use std::{
    io::{Read, stdin},
    sync::mpsc::Sender,
    thread,
};

/// What the keys do, on one line.
pub const HELP: &str = "keys: n next exercise, h hint, l list, r check again, R reset, q quit";

/// What a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Next,
    Hint,
    List,
    Check,
    Reset,
    Quit,
    Yes,
    Other,
}

impl Key {
    fn of(byte: u8) -> Self {
        match byte {
            b'n' => Self::Next,
            b'h' => Self::Hint,
            b'l' => Self::List,
            b'r' => Self::Check,
            b'R' => Self::Reset,
            b'q' => Self::Quit,
            b'y' => Self::Yes,
            _ => Self::Other,
        }
    }
}

/// The keys in what the terminal sent at once.
fn keys(bytes: &[u8]) -> impl Iterator<Item = Key> {
    const ESCAPE: u8 = 0x1b;
    // Arrows and the like are sequences that hold letters.
    let sequence = bytes.first() == Some(&ESCAPE);
    bytes.iter().filter(move |_| !sequence).map(|byte| Key::of(*byte))
}

/// Reads the keyboard on a thread that ends with xtask: it waits for a person.
pub fn listen(sender: Sender<Event>) {
    thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok(count @ 1..) = stdin().read(&mut buffer) {
            for key in keys(&buffer[..count]) {
                if sender.send(Event::Pressed(key)).is_err() {
                    return;
                }
            }
        }
        // Whoever does not listen any more has left.
        let _ = sender.send(Event::Gone);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_keys_and_arrows_are_not() {
        let all = |bytes: &[u8]| keys(bytes).collect::<Vec<_>>();
        assert_eq!(all(b"hRy"), [Key::Hint, Key::Reset, Key::Yes]);
        assert_eq!(all(b"\n"), [Key::Other]);
        assert_eq!(all(b"\x1bOR"), []);
    }

    #[test]
    fn the_help_names_every_key() {
        for byte in b'!'..=b'~' {
            let named = HELP.contains(&format!(" {} ", char::from(byte)));
            assert_eq!(named, !matches!(Key::of(byte), Key::Other | Key::Yes), "{byte}");
        }
    }
}
