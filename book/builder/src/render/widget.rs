//! Widgets: what they show without JavaScript, and what they work on.

use crate::{
    expand::{Page, Refusal, Shown},
    render::escape,
    widgets,
};
use std::fs;

/// `{{#widget NAME ARGUMENT}}`.
pub fn one(page: &mut Page, subject: &str) -> Shown {
    let (name, argument) = subject.split_once(' ').unwrap_or((subject, ""));
    if !widgets::NAMES.contains(&name) {
        let names = widgets::NAMES.join(", ");
        return Err(Refusal::Wrong(format!("there is no widget `{name}`; there are {names}")));
    }
    let file = format!("book/widgets/{name}.html");
    let path = page.course.root.join(&file);
    if !path.is_file() {
        return Err(Refusal::Pending(format!("there is no {file}")));
    }
    let fallback = fs::read_to_string(path)?;
    let title = fallback
        .split_once("<h4>")
        .and_then(|(_, rest)| rest.split_once("</h4>"))
        .map(|(title, _)| title.trim().to_owned())
        .ok_or_else(|| format!("{file} does not begin with <h4>TITLE</h4>"))?;
    let data = widgets::data(name, &page.course.root, argument)
        .map_err(|error| format!("the widget `{name}` has nothing to show: {error:#}"))?;
    page.shown.insert(format!("widget {name}"));
    let recorded = widgets::text(name, &data);
    // `</` would end the script.
    let data = serde_json::to_string(&data)?.replace("</", "<\\/");
    // A blank line would end Markdown's block of HTML.
    let fallback: Vec<&str> = fallback.lines().filter(|line| !line.trim().is_empty()).collect();
    Ok(format!(
        "<section class=\"widget\" data-widget=\"{name}\" data-argument=\"{}\" aria-label=\"{title}\">\n\
         {}{recorded}\n<script type=\"application/json\" class=\"widget-data\">{data}</script>\n</section>\n",
        escape(argument),
        fallback.join("\n"),
    ))
}

/// `{{#widgets}}`: all of them, one below the other.
pub fn all(page: &mut Page) -> Shown {
    let mut shown = String::new();
    for name in widgets::NAMES {
        let subject = if name == "timeline" { "timeline m2" } else { name };
        shown += &one(page, subject)?;
        shown.push('\n');
    }
    Ok(shown)
}
