//! Serial output without terminal control sequences.
//!
//! Firmware clears the screen several times, and with it whatever the person had
//! there before.

/// Removes control sequences from a stream that comes in pieces (ECMA-48, 5.4
/// "Control sequences").
#[derive(Debug, Default)]
pub struct Plain {
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Text,
    /// Behind ESC.
    Escape,
    /// Behind ESC `[`.
    Sequence,
}

impl Plain {
    /// The text in the next piece.
    pub fn filter(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            self.state = match (self.state, byte) {
                (_, 0x1b) => State::Escape,
                (State::Escape, b'[') => State::Sequence,
                // Parameters and intermediates go on, anything else ends it.
                (State::Sequence, 0x20..=0x3f) => State::Sequence,
                (State::Escape | State::Sequence, _) => State::Text,
                (State::Text, _) => {
                    text.push(byte);
                    State::Text
                }
            };
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_removed_wherever_the_pieces_end() {
        let stream = b"\x1b[2J\x1b[01;01H\x1b[=3hBdsDxe: \x1b[0mloading\r\n";
        for cut in 0..stream.len() {
            let mut plain = Plain::default();
            let mut text = plain.filter(&stream[..cut]);
            text.extend(plain.filter(&stream[cut..]));
            assert_eq!(text, b"BdsDxe: loading\r\n", "cut at {cut}");
        }
    }

    #[test]
    fn text_beyond_ascii_passes() {
        let text = "✓ user/kernel separation\n".as_bytes();
        assert_eq!(Plain::default().filter(text), text);
    }
}
