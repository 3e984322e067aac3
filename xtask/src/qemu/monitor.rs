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
/// How often a CPU is looked at, and how long it runs in between.
const SAMPLES: usize = 5;
const SAMPLE_PAUSE: Duration = Duration::from_millis(3);
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// The general registers, by their names in lower case.
    pub registers: Vec<(String, u64)>,
    /// Interrupts that were taken and not acknowledged, a bit for each line of the
    /// first interrupt controller.
    pub in_service: Option<u8>,
    /// RIP and return addresses at several moments.
    pub samples: Vec<Vec<u64>>,
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
    ///
    /// The CPU is looked at several times, to tell what it usually does: a loop may be
    /// caught inside an interrupt's handler. It stays stopped in the end.
    pub fn stop_and_inspect(&mut self) -> Option<CpuState> {
        let mut states = vec![self.look()?];
        while states.len() < SAMPLES {
            self.execute(json!({ "execute": "cont" })).ok()?;
            // What is waited for is the guest's time passing.
            std::thread::sleep(SAMPLE_PAUSE);
            states.push(self.look()?);
        }
        usual(states)
    }

    /// Stops the CPU and reads its state at this moment.
    fn look(&mut self) -> Option<CpuState> {
        self.execute(json!({ "execute": "stop" })).ok()?;
        let text = self.human("info registers").ok()?;
        let mut state = parse_registers(&text)?;
        state.frames = self.frames(hex_field(&text, "RBP=").unwrap_or(0));
        state.in_service = self.in_service();
        Some(state)
    }

    /// The return addresses on the stack. Outside 64-bit mode there is no frame to
    /// follow.
    fn frames(&mut self, mut frame: u64) -> Vec<u64> {
        let mut frames = Vec::new();
        while frames.len() < FRAMES_MAX && frame != 0 && frame.is_multiple_of(8) {
            let Some((next, address)) = self.two_words(frame) else { break };
            if address == 0 {
                break;
            }
            frames.push(address);
            // The stack grows down, so callers' frames lie higher.
            if next <= frame {
                break;
            }
            frame = next;
        }
        frames
    }

    /// The first interrupt controller's in-service register.
    fn in_service(&mut self) -> Option<u8> {
        let text = self.human("info pic").ok()?;
        let first = text.lines().find(|line| line.starts_with("pic0:"))?;
        hex_field(first, "isr=")?.try_into().ok()
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

/// The last of the states in which the CPU was most often, by interrupt flag and HLT,
/// with the places of all of them.
fn usual(mut states: Vec<CpuState>) -> Option<CpuState> {
    let kind = |state: &CpuState| (state.interrupts_on(), state.halted);
    let count = |wanted| states.iter().filter(|state| kind(state) == wanted).count();
    let index = (0..states.len()).max_by_key(|&index| count(kind(&states[index])))?;
    let place = |state: &CpuState| std::iter::once(state.rip).chain(state.frames.clone()).collect();
    let samples = states.iter().map(place).collect();
    Some(CpuState { samples, ..states.swap_remove(index) })
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
        registers: general_registers(text),
        in_service: None,
        samples: Vec::new(),
    })
}

/// The general registers of 64-bit mode.
fn general_registers(text: &str) -> Vec<(String, u64)> {
    let named = ["AX", "BX", "CX", "DX", "SI", "DI", "BP", "SP"].map(|name| format!("R{name}="));
    let numbered = (8..16).map(|number| format!("R{number:<2}="));
    let keys = named.into_iter().chain(numbered);
    keys.filter_map(|key| {
        let name = key.trim_end_matches('=').trim_end().to_ascii_lowercase();
        Some((name, hex_field(text, &key)?))
    })
    .collect()
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
        assert!(state.registers.contains(&("rbx".to_owned(), 1)));
        assert_eq!(general_registers("R8 =0000000000000001 R15=000000000000000f").len(), 2);
    }

    #[test]
    fn what_the_cpu_does_most_of_the_time_counts() {
        let state = |rip, rflags| CpuState { rip, rflags, ..CpuState::default() };
        let states = vec![state(1, 1 << 9), state(2, 0), state(3, 1 << 9), state(4, 0x46)];
        let usual = |states: &[CpuState]| usual(states.to_vec()).expect("a state");
        assert_eq!(usual(&states[..3]).rip, 3);
        assert_eq!(usual(&states[1..]).rip, 4);
        assert_eq!(usual(&states).samples, [[1], [2], [3], [4]]);
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
