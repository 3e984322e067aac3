//! Tells when a learner's file changes.

use super::Event;
use crate::exercises::Exercise;
use anyhow::{Context, Result};
use notify::{
    Config, EventKind, PollWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};
use std::{
    fs,
    path::Path,
    sync::mpsc::Sender,
    time::{Duration, SystemTime},
};

/// How often to look where the system does not tell.
const POLL: Duration = Duration::from_millis(500);

/// As long as this lives, the queue is told of everything that is done to the file.
pub struct Saves {
    _watcher: Box<dyn Watcher>,
}

impl Saves {
    /// Follows the exercise's file. Its folder is what is watched: many editors put a new
    /// file in the place of the old one.
    pub fn follow(exercise: &Exercise, sender: Sender<Event>) -> Result<Self> {
        let file = exercise.learner_file();
        let folder = file.parent().unwrap_or(Path::new("."));
        let name = file.file_name().map(ToOwned::to_owned);
        let tell = move |event: notify::Result<notify::Event>| {
            let ours = event.map_or(true, |event| {
                let named = event.paths.iter().any(|path| path.file_name() == name.as_deref());
                event.need_rescan() || named && is_change(event.kind)
            });
            if ours {
                // Whoever does not listen any more has left.
                let _ = sender.send(Event::Touched);
            }
        };
        let polling = Config::default().with_poll_interval(POLL);
        let watcher = notify::recommended_watcher(tell.clone())
            .map(|watcher| Box::new(watcher) as Box<dyn Watcher>)
            .and_then(|watcher| started(watcher, folder))
            .or_else(|_| started(Box::new(PollWatcher::new(tell, polling)?), folder))
            .with_context(|| format!("cannot watch {}", folder.display()))?;
        Ok(Self { _watcher: watcher })
    }
}

fn started(mut watcher: Box<dyn Watcher>, folder: &Path) -> notify::Result<Box<dyn Watcher>> {
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Whether the file may be another afterwards. Reading it, as grading does, is no change.
fn is_change(kind: EventKind) -> bool {
    !kind.is_access() || kind == EventKind::Access(AccessKind::Close(AccessMode::Write))
}

/// What was saved, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    saved: SystemTime,
    bytes: Vec<u8>,
}

impl Version {
    /// The file as it is; none if it cannot be read.
    pub fn read(exercise: &Exercise) -> Option<Self> {
        let file = exercise.learner_file();
        let saved = fs::metadata(&file).and_then(|file| file.modified()).ok()?;
        Some(Self { saved, bytes: fs::read(file).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exercises::samples;
    use std::sync::mpsc::channel;

    #[test]
    fn writes_and_replacements_are_told_and_reads_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let exercise =
            Exercise { folder: folder.path().into(), ..samples::exercise("m0-sample", 1, &[]) };
        let file = exercise.learner_file();
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(&file, "one").expect("written");
        let first = Version::read(&exercise);
        let (sender, events) = channel();
        let _saves = Saves::follow(&exercise, sender).expect("watched");
        let told = || events.recv_timeout(Duration::from_secs(20)).is_ok();
        fs::write(&file, "two").expect("written");
        assert!(told(), "a write");
        while events.recv_timeout(Duration::from_millis(300)).is_ok() {}
        assert!(Version::read(&exercise).is_some() && Version::read(&exercise) != first);
        fs::write(file.with_file_name("lib.rs.backup-1"), "two").expect("written");
        assert!(events.recv_timeout(Duration::from_millis(300)).is_err(), "nothing was changed");
        fs::write(file.with_file_name("new"), "three").expect("written");
        fs::rename(file.with_file_name("new"), &file).expect("renamed");
        assert!(told(), "a replacement");
    }
}
