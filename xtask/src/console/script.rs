//! Commands from a file: one a line, `#` comments, each sent when the kernel waits
//! for it.

use super::ENTER;
use crate::qemu::{
    channels::Output,
    session::{Next, Operator, Waker},
};
use anyhow::{Result, bail};
use shared::events::Event;
use std::{
    collections::VecDeque,
    fmt,
    time::{Duration, Instant},
};

/// What a script sends in the end, unless the kernel has gone by then.
const FAREWELL: &str = "quit";

/// A line that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it stands in the script.
    pub number: usize,
    /// What is typed, without Enter.
    pub text: Vec<u8>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, `{}`", self.number, self.text.escape_ascii())
    }
}

/// A command that could not be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Where it came from.
    pub line: Line,
    /// Why.
    pub message: String,
}

/// Reads a script's lines.
///
/// # Errors
/// A line holds something that a keyboard has no key for.
pub fn parse(text: &str) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if !line.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            bail!("line {number} of the script, `{}`: only printable ASCII", line.escape_debug());
        }
        lines.push(Line { number, text: line.into() });
    }
    Ok(lines)
}

/// How long a script waits.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the first prompt.
    pub boot: Duration,
    /// For the next prompt.
    pub command: Duration,
}

/// A script under way.
pub struct Script {
    left: VecDeque<Line>,
    /// The line that is being served.
    current: Option<Line>,
    failures: Vec<Failure>,
    /// How far the events were read.
    read: usize,
    /// When it began to wait, and for how long it does.
    since: Instant,
    limit: Duration,
    patience: Patience,
}

impl Script {
    /// A script that sends `lines`.
    pub fn new(lines: Vec<Line>, patience: Patience) -> Self {
        Self {
            left: lines.into(),
            current: None,
            failures: Vec::new(),
            read: 0,
            since: Instant::now(),
            limit: patience.boot,
            patience,
        }
    }

    /// The commands that failed, and the lines that were never sent.
    pub fn into_results(self) -> (Vec<Failure>, Vec<Line>) {
        (self.failures, self.left.into())
    }

    /// Takes one event; what to type if the kernel waits for a command.
    fn hear(&mut self, event: &Event) -> Option<Vec<u8>> {
        match event {
            Event::Prompt { .. } => {
                self.current = self.left.pop_front();
                (self.since, self.limit) = (Instant::now(), self.patience.command);
                let line = self.current.as_ref().map_or(FAREWELL.as_bytes(), |line| &line.text);
                Some([line, &[ENTER]].concat())
            }
            Event::CommandFailed { message } => {
                let message = (*message).to_owned();
                self.failures.extend(self.current.clone().map(|line| Failure { line, message }));
                None
            }
            _ => None,
        }
    }
}

impl Operator for Script {
    fn begin(&mut self, _: Waker) {
        self.since = Instant::now();
    }

    fn look(&mut self, output: &Output) -> Next {
        let (lines, read) = output.events_from(self.read);
        self.read = read;
        let mut typed = Vec::new();
        for line in &lines {
            typed
                .extend(Event::parse(line).and_then(|event| self.hear(&event)).unwrap_or_default());
        }
        if !typed.is_empty() {
            return Next::Type(typed);
        }
        if self.since.elapsed() >= self.limit { Next::GiveUp(self.limit) } else { Next::Wait }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { boot: Duration::from_secs(9), command: Duration::from_secs(9) };

    #[test]
    fn comments_and_blank_lines_are_not_sent() {
        let lines = parse("# first\n\n  help \nwalk 0x10 \n").expect("a good script");
        let shown: Vec<_> = lines.iter().map(Line::to_string).collect();
        assert_eq!(shown, ["line 3, `help`", "line 4, `walk 0x10`"]);
        let error = parse("help\nw\u{e9}\n").expect_err("no ASCII").to_string();
        assert_eq!(error, "line 2 of the script, `w\u{e9}`: only printable ASCII");
    }

    #[test]
    fn each_prompt_gets_one_line_and_failures_keep_theirs() {
        let lines = parse("one\ntwo\n").expect("a good script");
        let mut script = Script::new(lines, PATIENCE);
        let mut hear =
            |event| script.hear(&event).map(|typed| String::from_utf8(typed).expect("text"));
        assert_eq!(hear(Event::Done { nonce: "1" }), None);
        assert_eq!(hear(Event::Prompt { number: 1 }).as_deref(), Some("one\r"));
        assert_eq!(hear(Event::CommandFailed { message: "no" }), None);
        assert_eq!(hear(Event::Prompt { number: 2 }).as_deref(), Some("two\r"));
        assert_eq!(hear(Event::Prompt { number: 3 }).as_deref(), Some("quit\r"));
        let (failures, unsent) = script.into_results();
        assert_eq!((failures.len(), failures[0].line.number, unsent), (1, 1, vec![]));
    }

    #[test]
    fn a_kernel_that_says_nothing_is_given_up() {
        let impatient = Patience { boot: Duration::ZERO, ..PATIENCE };
        let mut script = Script::new(Vec::new(), impatient);
        assert_eq!(script.look(&Output::default()), Next::GiveUp(Duration::ZERO));
        script.hear(&Event::Prompt { number: 1 });
        assert_eq!(script.look(&Output::default()), Next::Wait, "a command has its own time");
    }

    #[test]
    fn lines_after_the_end_were_not_sent() {
        let mut script = Script::new(parse("quit\nhelp").expect("a good script"), PATIENCE);
        assert!(script.hear(&Event::Prompt { number: 1 }).is_some());
        assert_eq!(script.into_results().1.len(), 1);
    }
}
