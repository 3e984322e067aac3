//! Builds the book of the course with mdBook's library, and refuses what does not hold:
//! a listing whose item is gone, a link to nowhere, an exercise that no chapter shows.
//!
//! - [`course`]: what there is to tell of
//! - [`directive`], [`expand`], [`render`]: chapters with everything in its place
//! - [`code`]: pieces of the sources, by name; [`sources`]: those files as pages
//! - [`widgets`], [`cases`]: what widgets work on, and what they have to answer
//! - [`prose`], [`links`], [`defect`]: what is checked
//! - [`press`], [`serve`]: the book as files, and for a browser while it is written
//!
//! `cargo xtask book` calls this program; it is a crate of its own so that nobody else
//! waits for mdBook to compile.

mod cases;
mod code;
mod course;
mod defect;
mod directive;
mod expand;
mod links;
mod press;
mod prose;
mod render;
mod serve;
mod sources;
mod widgets;

use anyhow::{Context, Result};
use clap::Parser;
use course::Course;
use defect::Defect;
use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Builds the book of Myria; `cargo xtask book` calls it.
#[derive(Parser)]
#[command(name = "book-builder")]
enum Command {
    /// Builds the book.
    Build {
        #[command(flatten)]
        place: Place,
        /// The folder that becomes the book
        #[arg(long)]
        out: PathBuf,
        /// What is not made yet is left out and told
        #[arg(long)]
        partial: bool,
    },
    /// Says what does not hold, and writes nothing.
    Check {
        #[command(flatten)]
        place: Place,
        /// What is not made yet is told and is no failure
        #[arg(long)]
        partial: bool,
    },
    /// Builds the book, shows it to a browser, and builds it again after each change.
    Serve {
        #[command(flatten)]
        place: Place,
        /// The folder that becomes the book
        #[arg(long)]
        out: PathBuf,
        /// On this machine; 0 for one that is free
        #[arg(long, default_value_t = 3000)]
        port: u16,
    },
    /// Prints how many words each chapter has.
    Words {
        #[command(flatten)]
        place: Place,
    },
    /// Prints the command lines that the book shows, as JSON.
    Commands {
        #[command(flatten)]
        place: Place,
    },
    /// Prints questions for the widgets with the right answers, as JSON.
    Cases,
}

/// Where things are.
#[derive(clap::Args)]
struct Place {
    /// The repository
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// What xtask knows and the book shows
    #[arg(long)]
    extra: Option<PathBuf>,
}

impl Place {
    fn course(&self) -> Result<Course> {
        let root = self.root.canonicalize();
        let root = root.with_context(|| format!("cannot find {}", self.root.display()))?;
        Course::read(&root, self.extra.as_deref())
    }
}

fn main() -> ExitCode {
    match run(Command::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Build { place, out, partial } => build(&place.course()?, &out, partial),
        Command::Check { place, partial } => {
            let edition = press::print(&place.course()?, &env::temp_dir())?;
            Ok(report(&edition.defects, partial))
        }
        Command::Serve { place, out, port } => serve::serve(&place.root, place.extra, &out, port),
        Command::Words { place } => words(&place.course()?),
        Command::Commands { place } => commands(&place.course()?),
        Command::Cases => {
            println!("{}", serde_json::to_string(&cases::all()?)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Builds the book into `out`, unless something does not hold.
fn build(course: &Course, out: &Path, partial: bool) -> Result<ExitCode> {
    let near = out.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let edition = press::print(course, near)?;
    let code = report(&edition.defects, partial);
    if code == ExitCode::SUCCESS {
        edition.publish(out)?;
    }
    Ok(code)
}

/// Prints what does not hold, one a line.
fn report(defects: &[Defect], partial: bool) -> ExitCode {
    let (pending, wrong): (Vec<_>, Vec<_>) = defects.iter().partition(|one| one.pending && partial);
    for defect in &wrong {
        eprintln!("{defect}");
    }
    for defect in &pending {
        eprintln!("pending: {defect}");
    }
    match wrong.len() {
        0 => ExitCode::SUCCESS,
        1 => {
            eprintln!("one thing in the book does not hold");
            ExitCode::FAILURE
        }
        many => {
            eprintln!("{many} things in the book do not hold");
            ExitCode::FAILURE
        }
    }
}

/// The chapters' files in order of name, each with its text.
fn chapters(course: &Course) -> Result<Vec<(String, String)>> {
    let mut chapters = Vec::new();
    for path in course::entries(&course.root.join("book/src"))? {
        let file = path.strip_prefix(&course.root).unwrap_or(&path).display().to_string();
        if path.extension().is_some_and(|end| end == "md") && !file.ends_with("SUMMARY.md") {
            let text =
                std::fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?;
            chapters.push((file, text));
        }
    }
    Ok(chapters)
}

fn words(course: &Course) -> Result<ExitCode> {
    let mut all = 0;
    for (file, text) in chapters(course)? {
        let words = prose::words(&text);
        println!("{words:6}  {file}");
        all += words;
    }
    println!("{all:6}  in all");
    Ok(ExitCode::SUCCESS)
}

fn commands(course: &Course) -> Result<ExitCode> {
    let mut shown = prose::commands_of_course(course);
    for (file, text) in chapters(course)? {
        shown.extend(prose::commands(&file, &text));
    }
    println!("{}", serde_json::to_string_pretty(&shown)?);
    Ok(ExitCode::SUCCESS)
}
