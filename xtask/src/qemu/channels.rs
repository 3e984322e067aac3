//! QEMU's output channels: read in the background, kept up to a limit.

use super::{plain::Plain, session::Ending};
use std::{
    io::{Read, Write},
    sync::mpsc::SyncSender,
    thread,
};

/// What is kept of each channel at most. A kernel's whole output is a few KiB.
const KEPT_BYTES: usize = 1 << 20;
/// A piece of output.
pub enum Message {
    Bytes(Channel, Vec<u8>),
    /// One channel has ended.
    Closed,
    /// The operator has something to do.
    Wake,
}

/// Where a piece comes from.
#[derive(Clone, Copy)]
pub enum Channel {
    Serial,
    Events,
    Errors,
}

/// Sends what `source` says until it ends.
pub fn read_in_background(
    source: Option<impl Read + Send + 'static>,
    channel: Channel,
    sender: &SyncSender<Message>,
) {
    let sender = sender.clone();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        if let Some(mut source) = source {
            // An error is the channel's end as well. So is a receiver that is gone.
            while let Ok(count @ 1..) = source.read(&mut buffer) {
                if sender.send(Message::Bytes(channel, buffer[..count].to_vec())).is_err() {
                    return;
                }
            }
        }
        let _ = sender.send(Message::Closed);
    });
}

/// Copies what is typed to the serial console. The thread ends with xtask: it
/// waits for a person.
pub fn pass_on_input(mut console: impl Write + Send + 'static) {
    thread::spawn(move || {
        let mut buffer = [0; 256];
        while let Ok(count @ 1..) = std::io::stdin().read(&mut buffer) {
            if console.write_all(&buffer[..count]).and_then(|()| console.flush()).is_err() {
                return;
            }
        }
    });
}

/// What a run has said so far.
#[derive(Default)]
pub struct Output {
    serial: Vec<u8>,
    events: Vec<u8>,
    errors: Vec<u8>,
    plain: Plain,
}

impl Output {
    /// Takes the next piece of a channel; tells when that is too much. A person
    /// at the serial console sees all of it, as it is.
    pub fn accept(
        &mut self,
        channel: Channel,
        bytes: Vec<u8>,
        interactive: bool,
        console: &mut dyn Write,
    ) -> std::io::Result<Option<Ending>> {
        let Channel::Serial = channel else { return Ok(self.keep(channel, &bytes)) };
        let bytes = if interactive { bytes } else { self.plain.filter(&bytes) };
        console.write_all(&bytes)?;
        console.flush()?;
        let flooded = self.keep(channel, &bytes);
        Ok(flooded.filter(|_| !interactive))
    }

    /// Appends to what is kept of a channel.
    fn keep(&mut self, channel: Channel, bytes: &[u8]) -> Option<Ending> {
        let (kept, name) = match channel {
            Channel::Serial => (&mut self.serial, "serial"),
            Channel::Events => (&mut self.events, "the debug console"),
            Channel::Errors => (&mut self.errors, "QEMU's standard error"),
        };
        let room = KEPT_BYTES - kept.len();
        kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        (bytes.len() > room).then_some(Ending::Flooded {
            channel: name,
            limit: KEPT_BYTES,
            cpu: None,
        })
    }

    /// Whether the kernel said that it is done.
    pub fn says_done(&self) -> bool {
        // A line without its end may lack part of the nonce.
        let mut lines = self.events.split_inclusive(|&byte| byte == b'\n');
        lines.any(|line| line.starts_with(b"done ") && line.ends_with(b"\n"))
    }

    /// The debug console's lines from byte `from` on that have come whole, and where
    /// the next one begins.
    pub fn events_from(&self, from: usize) -> (Vec<String>, usize) {
        let rest = &self.events[from..];
        let end = rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        let text = String::from_utf8_lossy(&rest[..end]);
        (text.lines().map(str::to_owned).collect(), from + end)
    }

    /// Whether the kernel reported that `check` holds.
    pub fn says_checked(&self, check: &str) -> bool {
        let wanted = format!("check {check} ok");
        self.events.split(|&byte| byte == b'\n').any(|line| line == wanted.as_bytes())
    }

    /// Serial output, the debug console's lines, QEMU's own messages.
    pub fn into_texts(self) -> (String, Vec<String>, String) {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let events = text(self.events).lines().map(str::to_owned).collect();
        (text(self.serial), events, text(self.errors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_off_and_told() {
        let mut output = Output::default();
        let mut accept = |bytes: Vec<u8>, interactive| {
            let mut console = std::io::sink();
            let accepted = output.accept(Channel::Serial, bytes, interactive, &mut console);
            (accepted.expect("a sink"), output.serial.len())
        };
        assert_eq!(accept(vec![b'x'; KEPT_BYTES], false), (None, KEPT_BYTES));
        let flooded = Ending::Flooded { channel: "serial", limit: KEPT_BYTES, cpu: None };
        assert_eq!(accept(b"y".to_vec(), false), (Some(flooded), KEPT_BYTES));
        assert_eq!(accept(b"y".to_vec(), true), (None, KEPT_BYTES), "a person may read on");
    }

    #[test]
    fn a_check_is_known_by_its_whole_line() {
        let events = b"check ready-2 ok\ncheck ready fail no\ncheck late ok\n".to_vec();
        let output = Output { events, ..Output::default() };
        assert!(output.says_checked("late") && output.says_checked("ready-2"));
        assert!(!output.says_checked("ready"), "it failed, and another one did not");
    }
}
