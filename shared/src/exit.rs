//! Leaving the virtual machine: QEMU's `isa-debug-exit` device.
//!
//! A write of `value` to [`PORT`] ends QEMU with the process exit status
//! `(value << 1) | 1` (QEMU source, `hw/misc/debugexit.c`). Real hardware has
//! nothing at this port and the write is lost, so every caller still has to
//! stop the CPU afterwards; [`leave`] does both.

/// The I/O port of `isa-debug-exit`, as `xtask` places it.
pub const PORT: u16 = 0xf4;

/// Why the machine was left. The discriminant is the byte written to [`PORT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// The kernel did all it set out to do.
    Complete = 0x10,
    /// The kernel found something wrong: a panic, a failed check, a fault.
    Failed = 0x11,
    /// The loader could not start a kernel.
    LoaderRefused = 0x12,
}

impl Reason {
    /// All reasons, for decoding.
    const ALL: [Self; 3] = [Self::Complete, Self::Failed, Self::LoaderRefused];

    /// QEMU's process exit status for this reason.
    pub const fn qemu_status(self) -> i32 {
        ((self as i32) << 1) | 1
    }

    /// The reason behind a QEMU process exit status, if it is one of ours.
    pub fn from_qemu_status(status: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.qemu_status() == status)
    }
}

/// Ends the virtual machine with `reason`; on real hardware, or under QEMU
/// without the exit device (`run --no-exit`), stops this CPU for good.
pub fn leave(reason: Reason) -> ! {
    use x86_64::instructions::{hlt, interrupts, port::PortWriteOnly};
    // SAFETY: the port belongs to isa-debug-exit where that exists and to
    // nothing where it does not; a write touches no memory either way.
    unsafe { PortWriteOnly::new(PORT).write(reason as u8) };
    loop {
        interrupts::disable();
        hlt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_decode_to_their_reason() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_qemu_status(reason.qemu_status()), Some(reason));
        }
        assert_eq!(Reason::Complete.qemu_status(), 33);
    }

    #[test]
    fn qemu_own_statuses_are_not_ours() {
        for status in [0, 1, 2, 134, -1] {
            assert_eq!(Reason::from_qemu_status(status), None);
        }
    }
}
