//! Exercises: those of a chapter, all of them, and what goes wrong in them.

use crate::{
    course::Exercise,
    expand::{Page, Refusal, Shown},
    render::{cell, escape, fenced},
    sources,
};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::{fmt::Write, fs};

/// `{{#exercises}}`: those that belong to this chapter.
pub fn of_chapter(page: &mut Page) -> Shown {
    let slug = &page.slug;
    let of_this = |one: &&Exercise| one.chapter == *slug;
    let exercises: Vec<&Exercise> = page.course.exercises.iter().filter(of_this).collect();
    if exercises.is_empty() {
        return Err(Refusal::Wrong("no exercise has this chapter".into()));
    }
    let mut shown = String::new();
    for exercise in exercises {
        page.shown.insert(format!("exercise {}", exercise.id));
        shown += &one(exercise);
        page.quoted.insert(readme(exercise));
    }
    Ok(shown)
}

fn readme(exercise: &Exercise) -> String {
    format!("exercises/{}/README.md", exercise.id)
}

fn one(exercise: &Exercise) -> String {
    let Exercise { id, number, title, minutes, lines, checks, .. } = exercise;
    let mut text = format!(
        "<div class=\"exercise\">\n\n### Exercise {number}: {title} {{#{id}}}\n\n\
         {} points, about {minutes} minutes and {lines} lines. The task: \
         [`exercises/{id}/README.md`]({}). You have done it when:\n\n",
        exercise.points(),
        sources::page(&readme(exercise)),
    );
    for check in checks {
        let by = if check.kind == "boot" { " (judged by the CPU)" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "- {}{by}", check.proves);
    }
    let command = format!("cargo xtask check {id}");
    let _ = write!(text, "\n{}\n</div>\n\n", fenced("sh", &command));
    text
}

/// `{{#exercise-index}}`: all of them.
pub fn index(page: &mut Page) -> Shown {
    let mut text = String::new();
    let (mut points, mut minutes) = (0, 0);
    let mut milestone = "";
    for one in &page.course.exercises {
        if one.milestone != milestone {
            milestone = &one.milestone;
            let name = milestone.to_uppercase();
            let _ = writeln!(
                text,
                "\n## {name}\n\n| | exercise | chapter | points | minutes | judged |\n\
                 | --- | --- | --- | --- | --- | --- |"
            );
        }
        let Exercise { id, number, title, chapter, .. } = one;
        let name = page.course.chapters.get(chapter).map_or("", String::as_str);
        let boots = one.checks.iter().any(|check| check.kind == "boot");
        let judged = if boots { "on the host and by the CPU" } else { "on the host" };
        let _ = writeln!(
            text,
            "| {number} | [{}]({chapter}.md#{id}) `{id}` | {} | {} | {} | {judged} |",
            cell(title),
            cell(name),
            one.points(),
            one.minutes
        );
        points += one.points();
        minutes += one.minutes;
    }
    let count = page.course.exercises.len();
    let _ = writeln!(text, "\nAll {count}: {points} points, about {} hours.", minutes / 60);
    Ok(text)
}

/// `exercises/ID/wrong/NAME.toml`, as far as the book shows it.
#[derive(Deserialize)]
struct Wrong {
    mistake: String,
    message: String,
    edit: Vec<Edit>,
}

#[derive(Deserialize)]
struct Edit {
    find: String,
    replace: String,
}

/// `{{#mistake EXERCISE NAME}}`: a mistake, and what the grader says.
pub fn mistake(page: &mut Page, subject: &str) -> Shown {
    let (id, name) = subject.split_once(' ').ok_or("say which exercise, and which mistake")?;
    let file = format!("exercises/{id}/wrong/{name}.toml");
    let Wrong { mistake, message, edit } = read(page, &file)?;
    let mut change = String::new();
    for Edit { find, replace } in edit {
        for (sign, text) in [('-', find), ('+', replace)] {
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                let _ = writeln!(change, "{sign} {}", line.trim());
            }
        }
    }
    Ok(format!(
        "<div class=\"mistake\">\n\n**{}.** The grader of `{id}` says: “{}”\n\n{}\n</div>\n",
        capital(&mistake),
        escape(&message),
        fenced("diff", &change)
    ))
}

fn read(page: &Page, file: &str) -> Result<Wrong> {
    let text =
        fs::read_to_string(page.course.root.join(file)).with_context(|| format!("no {file}"))?;
    toml::from_str(&text).with_context(|| format!("{file} is not as expected"))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
