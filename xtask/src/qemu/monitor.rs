//! QEMU's machine protocol (QMP): JSON lines over a socket.
//!
//! Only what verdicts need: why QEMU ended, and the CPU's state of a kernel that
//! does not end by itself; and NMIs, which only come from outside.

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

/// How long an answer of the monitor may take; it needs milliseconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// More frames than any kernel stack of ours is deep.
const FRAMES_MAX: usize = 16;

/// Why QEMU ended, in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// The guest was reset, which `-no-reboot` turns into an end.
    Reset,
    /// The guest switched the machine off.
    PoweredOff,
}

/// The CPU when it was stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuState {
    pub rip: u64,
    pub rflags: u64,
    pub cr2: u64,
    pub cr3: u64,
    /// The current privilege level: 0 is the kernel.
    pub cpl: u8,
    /// Whether it waits in HLT.
    pub halted: bool,
    /// Return addresses found by following frame pointers.
    pub frames: Vec<u64>,
}

impl CpuState {
    /// Whether the CPU would take an interrupt (RFLAGS.IF, bit 9; Intel SDM
    /// volume 1, 3.4.3.3 "System Flags and IOPL Field").
    pub fn interrupts_on(&self) -> bool {
        self.rflags & (1 << 9) != 0
    }
}

/// The connection to a running QEMU.
pub struct Monitor {
    reader: BufReader<UnixStream>,
    shutdown: Option<Shutdown>,
}

impl Monitor {
    /// Takes the connection's end. QEMU answers once it runs.
    pub fn new(stream: UnixStream) -> std::io::Result<Self> {
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        let mut monitor = Self { reader: BufReader::new(stream), shutdown: None };
        // The answer is read later, with everything else.
        monitor.send(&json!({ "execute": "qmp_capabilities", "id": 0 }))?;
        Ok(monitor)
    }

    /// Why QEMU ended, after it has. The socket still holds all it said.
    pub fn shutdown_reason(mut self) -> Option<Shutdown> {
        while let Ok(Some(_)) = self.read() {}
        self.shutdown
    }

    /// Stops the CPU and reads its state; `None` if QEMU does not answer.
    pub fn stop_and_inspect(&mut self) -> Option<CpuState> {
        self.execute(json!({ "execute": "stop" })).ok()?;
        let text = self.human("info registers").ok()?;
        let mut state = parse_registers(&text)?;
        // Outside 64-bit mode there is no frame to follow.
        let mut frame = hex_field(&text, "RBP=").unwrap_or(0);
        while state.frames.len() < FRAMES_MAX && frame != 0 && frame.is_multiple_of(8) {
            let Some((next, address)) = self.two_words(frame) else { break };
            if address == 0 {
                break;
            }
            state.frames.push(address);
            // The stack grows down, so callers' frames lie higher.
            if next <= frame {
                break;
            }
            frame = next;
        }
        Some(state)
    }

    /// Interrupts the guest by an NMI. That QEMU has ended is no error: the
    /// session sees it.
    pub fn inject_nmi(&mut self) {
        // A kernel that gets none says so.
        let _ = self.execute(json!({ "execute": "inject-nmi" }));
    }

    /// The two 64-bit words at a virtual address: saved frame pointer and return
    /// address.
    fn two_words(&mut self, address: u64) -> Option<(u64, u64)> {
        let text = self.human(&format!("x/2gx {address:#x}")).ok()?;
        let mut words = text.split_once(": ")?.1.split_ascii_whitespace();
        let mut word = || u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
        Some((word()?, word()?))
    }

    fn human(&mut self, line: &str) -> std::io::Result<String> {
        let answer = self.execute(json!({
            "execute": "human-monitor-command",
            "arguments": { "command-line": line },
        }))?;
        Ok(answer.as_str().unwrap_or_default().to_owned())
    }

    /// Sends a command and waits for its answer, passing by whatever else comes.
    fn execute(&mut self, mut command: Value) -> std::io::Result<Value> {
        command["id"] = 1.into();
        self.send(&command)?;
        while let Some(mut message) = self.read()? {
            if message["id"] == 1 {
                return Ok(message["return"].take());
            }
        }
        Err(std::io::ErrorKind::UnexpectedEof.into())
    }

    fn send(&mut self, command: &Value) -> std::io::Result<()> {
        writeln!(self.reader.get_mut(), "{command}")
    }

    /// The next message; `None` at the end.
    fn read(&mut self) -> std::io::Result<Option<Value>> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let message: Value = serde_json::from_str(&line)?;
        if message["event"] == "SHUTDOWN" {
            self.shutdown = match message["data"]["reason"].as_str() {
                Some("guest-reset") => Some(Shutdown::Reset),
                Some("guest-shutdown") => Some(Shutdown::PoweredOff),
                _ => None,
            };
        }
        Ok(Some(message))
    }
}

/// Reads the output of `info registers`, which has 32-bit names before the CPU
/// is in 64-bit mode.
fn parse_registers(text: &str) -> Option<CpuState> {
    Some(CpuState {
        rip: hex_field(text, "RIP=").or_else(|| hex_field(text, "EIP="))?,
        rflags: hex_field(text, "RFL=").or_else(|| hex_field(text, "EFL="))?,
        cr2: hex_field(text, "CR2=")?,
        cr3: hex_field(text, "CR3=")?,
        cpl: hex_field(text, "CPL=")?.try_into().ok()?,
        halted: hex_field(text, "HLT=")? != 0,
        frames: Vec::new(),
    })
}

/// The hexadecimal number after `key`.
fn hex_field(text: &str, key: &str) -> Option<u64> {
    let rest = text.split_once(key)?.1;
    let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
    u64::from_str_radix(&rest[..end], 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_registers_as_qemu_prints_them() {
        let text = "CPU#0\r\nRAX=0000000000000000 RBX=0000000000000001\r\n\
            RSI=0 RDI=0 RBP=ffffffff80012f80 RSP=ffffffff80012f70\r\n\
            RIP=ffffffff80001234 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\r\n\
            CR0=80010033 CR2=0000000000000123 CR3=000000000ff51000 CR4=00000020\r\n";
        let state = parse_registers(text).expect("all fields");
        assert_eq!(state.rip, 0xffff_ffff_8000_1234);
        assert_eq!((state.cr2, state.cr3), (0x123, 0xff5_1000));
        assert!(state.halted && !state.interrupts_on());
        assert_eq!(hex_field(text, "RBP="), Some(0xffff_ffff_8001_2f80));
    }

    #[test]
    fn incomplete_registers_are_no_state() {
        assert_eq!(parse_registers("RIP=0 RFL=0"), None);
    }

    #[test]
    fn answers_are_told_from_events() {
        let (ours, theirs) = UnixStream::pair().expect("a socket pair");
        let mut monitor = Monitor::new(ours).expect("a monitor");
        let mut qemu = &theirs;
        let said = concat!(
            r#"{"QMP": {}}"#,
            "\n",
            r#"{"return": {}, "id": 0}"#,
            "\n",
            r#"{"event": "STOP", "data": {}}"#,
            "\n",
            r#"{"return": "text", "id": 1}"#,
            "\n",
            r#"{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}}"#,
            "\n",
        );
        qemu.write_all(said.as_bytes()).expect("room in the socket");
        assert_eq!(monitor.human("info registers").expect("an answer"), "text");
        drop(theirs);
        assert_eq!(monitor.shutdown_reason(), Some(Shutdown::Reset));
    }
}
