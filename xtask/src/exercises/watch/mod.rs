//! Grades an exercise whenever its file is saved, and does at single keys what else a
//! learner needs meanwhile.
//!
//! - [`saves`]: tells when the file changes
//! - [`keys`]: what keys mean
//!
//! Saves and keys arrive in one queue. Grading takes place between two looks at it, so a
//! save that comes meanwhile is seen afterwards, and a signal ends both.

mod keys;
mod saves;

use super::{
    Exercise,
    desk::{self, Desk},
    feedback,
    grader::fresh_seed,
    hints::{self, Ask},
    overview::{self, Overview},
    progress::Progress,
    restore,
};
use crate::{process, toolchain::Toolchain, ui};
use anyhow::{Result, bail};
use keys::Key;
use saves::{Saves, Version};
use std::{
    collections::VecDeque,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    time::Duration,
};

/// How often signals are looked at while nothing happens.
const TICK: Duration = Duration::from_millis(100);
/// How long a file must be left alone until it counts as saved: editors write in steps.
const SETTLED: Duration = Duration::from_millis(60);

/// Something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// Something was done to the file.
    Touched,
    Pressed(Key),
    /// The terminal is gone.
    Gone,
}

/// Whether to go on.
#[derive(PartialEq, Eq)]
enum Then {
    Wait,
    Leave,
}

/// One exercise, watched.
pub struct Watch {
    desk: Desk,
    exercises: Vec<Exercise>,
    current: Exercise,
    /// Whether somebody sits at a terminal.
    keys: bool,
    /// Whether to leave as soon as the exercise is done.
    once_done: bool,
    events: Receiver<Event>,
    sender: Sender<Event>,
    /// What came while something else was waited for.
    pending: VecDeque<Event>,
    saves: Saves,
    /// What was graded last.
    graded: Option<Version>,
    /// Whether the next key answers whether to reset.
    asking: bool,
}

impl Watch {
    /// Begins to watch `current`. With `keys`, the terminal must hand over each key.
    pub fn new(
        desk: Desk,
        exercises: Vec<Exercise>,
        current: Exercise,
        keys: bool,
        once_done: bool,
    ) -> Result<Self> {
        let (sender, events) = channel();
        let saves = Saves::follow(&current, sender.clone())?;
        if keys {
            keys::listen(sender.clone());
        }
        let pending = VecDeque::new();
        let (graded, asking) = (None, false);
        Ok(Self {
            desk,
            exercises,
            current,
            keys,
            once_done,
            events,
            sender,
            pending,
            saves,
            graded,
            asking,
        })
    }

    /// Watches until somebody leaves.
    ///
    /// # Errors
    /// If a signal ends it, among others.
    pub fn run(mut self) -> Result<()> {
        let mut then = self.look()?;
        while then == Then::Wait {
            then = match self.next_event()? {
                Some(Event::Touched) => {
                    self.settle()?;
                    self.look()?
                }
                Some(Event::Pressed(key)) => self.press(key)?,
                Some(Event::Gone) => Then::Leave,
                None => Then::Wait,
            };
        }
        Ok(())
    }

    fn next_event(&mut self) -> Result<Option<Event>> {
        if process::interrupted() {
            bail!("interrupted");
        }
        if let Some(event) = self.pending.pop_front() {
            return Ok(Some(event));
        }
        match self.events.recv_timeout(TICK) {
            Ok(event) => Ok(Some(event)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("nothing can be watched any more"),
        }
    }

    /// Waits until the file is left alone.
    fn settle(&mut self) -> Result<()> {
        self.pending.retain(|event| *event != Event::Touched);
        while let Ok(event) = self.events.recv_timeout(SETTLED) {
            if event != Event::Touched {
                self.pending.push_back(event);
            }
            if process::interrupted() {
                bail!("interrupted");
            }
        }
        Ok(())
    }

    /// Grades the file unless it is as it was.
    fn look(&mut self) -> Result<Then> {
        match Version::read(&self.current) {
            // Some editors remove a file before they write it.
            None if self.graded.is_some() => Ok(Then::Wait),
            Some(version) if self.graded.as_ref() == Some(&version) => Ok(Then::Wait),
            _ => self.grade(),
        }
    }

    fn grade(&mut self) -> Result<Then> {
        self.graded = Version::read(&self.current);
        let outcome = desk::read_learner(&self.current)
            .and_then(|learner| self.desk.grade(&self.current, &learner, fresh_seed()));
        let graded = match outcome {
            Ok(graded) => graded,
            Err(error) if process::interrupted() => return Err(error),
            Err(error) => {
                // The next save may do better.
                ui::error(&error);
                return Ok(Then::Wait);
            }
        };
        let text = feedback::text(&self.current, &graded, |paint, text| paint.on_stdout(text));
        self.say(&format!("\n{text}"))?;
        if graded.is_full() {
            self.congratulate()?;
            if self.once_done {
                return Ok(Then::Leave);
            }
        }
        if self.keys {
            self.say(keys::HELP)?;
        }
        Ok(Then::Wait)
    }

    fn congratulate(&self) -> Result<()> {
        let id = self.current.id();
        let how = if self.keys { "n goes on to" } else { "next:" };
        self.say(&match self.following()? {
            Some(next) => {
                format!("Well done: {id} is done; {how} {}: {}", next.id(), next.description.title)
            }
            None => format!("Well done: {id} is done, and no other exercise is left to do"),
        })
    }

    /// What comes after the current exercise, or else before it, and can be done.
    fn following(&self) -> Result<Option<Exercise>> {
        let progress = Progress::read(&super::folder(&self.desk.workspace))?;
        let mut others = self.exercises.clone();
        let here = others.iter().position(|one| one.id() == self.current.id());
        others.rotate_left(here.map_or(0, |here| here + 1));
        Ok(overview::next(&others, &progress, Some(self.current.id())).cloned())
    }

    fn press(&mut self, key: Key) -> Result<Then> {
        if std::mem::take(&mut self.asking) {
            let text = match key {
                Key::Yes => self.reset(),
                _ => Ok("nothing was changed".to_owned()),
            };
            return self.tell(text);
        }
        let folder = super::folder(&self.desk.workspace);
        match key {
            Key::Quit => Ok(Then::Leave),
            Key::Check => self.grade(),
            Key::Next => self.go_on(),
            Key::Hint => self.tell(hints::give(&folder, &self.current, Ask::Next)),
            Key::List => {
                let text = Progress::read(&folder).map(|progress| {
                    Overview::new(&self.exercises, &progress)
                        .text(&self.exercises, |paint, text| paint.on_stdout(text))
                });
                self.tell(text)
            }
            Key::Reset => {
                self.asking = true;
                self.tell(Ok(format!(
                    "restore the starter of {}, and keep yours beside it? y/n",
                    self.current.id()
                )))
            }
            Key::Yes | Key::Other => self.tell(Ok(keys::HELP.to_owned())),
        }
    }

    /// Restores the starter, which is graded as any save.
    fn reset(&self) -> Result<String> {
        let workspace = &self.desk.workspace;
        let toolchain = Toolchain::installed(workspace);
        let starter = desk::starter(&self.current, workspace, &toolchain)?;
        Ok(restore::told(&self.current, &restore::restore(&self.current, &starter)?))
    }

    /// Watches the next exercise.
    fn go_on(&mut self) -> Result<Then> {
        let Some(next) = self.following()? else {
            return self.tell(Ok("no other exercise is left to do".to_owned()));
        };
        self.saves = Saves::follow(&next, self.sender.clone())?;
        self.current = next;
        self.graded = None;
        self.grade()
    }

    /// Says what came of a key. A failure ends nothing.
    fn tell(&self, text: Result<String>) -> Result<Then> {
        match text {
            Ok(text) => self.say(&text)?,
            Err(error) => ui::error(&error),
        }
        Ok(Then::Wait)
    }

    fn say(&self, text: &str) -> Result<()> {
        ui::result(&format!("{text}\n"))
    }
}
