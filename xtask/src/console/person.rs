//! Somebody at the terminal: bytes go both ways as they are.

use crate::qemu::{
    channels::Output,
    session::{Next, Operator, Waker},
};
use std::{
    io::Read,
    sync::mpsc::{Receiver, TryRecvError, channel},
    thread,
};

/// Ctrl-], which leaves, as in telnet.
pub const LEAVE: u8 = 0x1d;

/// The keyboard.
pub struct Person {
    typed: Option<Receiver<Vec<u8>>>,
}

impl Person {
    /// Nobody has typed yet.
    pub fn new() -> Self {
        Self { typed: None }
    }
}

impl Operator for Person {
    /// Reads the keyboard on a thread that ends with xtask: it waits for a person.
    fn begin(&mut self, waker: Waker) {
        let (sender, typed) = channel();
        self.typed = Some(typed);
        thread::spawn(move || {
            let mut buffer = [0; 256];
            while let Ok(count @ 1..) = std::io::stdin().read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
                waker.wake();
            }
            drop(sender);
            waker.wake();
        });
    }

    fn look(&mut self, _: &Output) -> Next {
        match self.typed.as_ref().map(Receiver::try_recv) {
            Some(Ok(bytes)) if bytes.contains(&LEAVE) => Next::Leave,
            Some(Ok(bytes)) => Next::Type(bytes),
            // The terminal is gone.
            Some(Err(TryRecvError::Disconnected)) => Next::Leave,
            Some(Err(TryRecvError::Empty)) | None => Next::Wait,
        }
    }
}
