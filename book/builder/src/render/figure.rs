//! Figures: SVG inside the page, so that the theme gives the colours.

use crate::{
    expand::{Page, Refusal, Shown},
    render::escape,
};
use regex::Regex;
use std::fs;

/// `{{#figure NAME}}`: `book/figures/NAME.svg`.
pub fn show(page: &mut Page, name: &str) -> Shown {
    let file = format!("book/figures/{name}.svg");
    let path = page.course.root.join(&file);
    if !path.is_file() {
        return Err(Refusal::Wrong(format!("there is no {file}")));
    }
    let text = fs::read_to_string(path)?;
    let Svg { title, body } = Svg::of(&text, name).map_err(|why| format!("{file}: {why}"))?;
    // The description is read to those who do not see the picture.
    Ok(format!(
        "<figure class=\"figure\" id=\"figure-{name}\">\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" \
         aria-label=\"Figure: {title}\">\n{body}\n</div>\n<figcaption>{title}</figcaption>\n</figure>\n",
        title = escape(&title),
    ))
}

/// A figure's text, prepared for a page.
struct Svg {
    title: String,
    body: String,
}

impl Svg {
    /// Checks the rules for figures, and gives all names inside the figure's own in front.
    fn of(text: &str, name: &str) -> Result<Self, String> {
        let inside = |tag: &str| {
            let (_, rest) = text.split_once(&format!("<{tag}>"))?;
            let (inside, _) = rest.split_once(&format!("</{tag}>"))?;
            Some(inside.split_whitespace().collect::<Vec<_>>().join(" "))
        };
        let title = inside("title").filter(|text| !text.is_empty()).ok_or("it has no <title>")?;
        inside("desc").filter(|text| text.len() > 40).ok_or("its <desc> does not describe it")?;
        for (unwanted, why) in [
            ("<style", "classes give the looks"),
            ("<script", "a figure does nothing"),
            ("<image", "it is drawn, not photographed"),
            ("fill=\"#", "the theme gives the colours"),
            ("stroke=\"#", "the theme gives the colours"),
            ("style=\"", "classes give the looks"),
        ] {
            if text.contains(unwanted) {
                return Err(format!("it has `{unwanted}`: {why}"));
            }
        }
        let start = text.find("<svg").ok_or("it has no <svg>")?;
        let (opening, rest) = text[start..].split_once('>').ok_or("<svg> does not end")?;
        if !opening.contains("viewBox=") {
            return Err("<svg> has no viewBox".into());
        }
        let opening = opening.replace(" xmlns=\"http://www.w3.org/2000/svg\"", "");
        let mut body = format!(
            "{opening} role=\"img\" aria-labelledby=\"title desc\"><defs>{}{}</defs>{rest}",
            head("head", "arrow-head"),
            head("head-danger", "arrow-head-danger")
        );
        body = body.replacen("<title>", "<title id=\"title\">", 1);
        body = body.replacen("<desc>", "<desc id=\"desc\">", 1);
        for (class, marker) in [("arrow", "head"), ("arrow-danger", "head-danger")] {
            body = body.replace(
                &format!("class=\"{class}\""),
                &format!("class=\"{class}\" marker-end=\"url(#{marker})\""),
            );
        }
        Ok(Self { title, body: compact(&with_prefix(&body, name)) })
    }
}

/// The head of an arrow.
fn head(id: &str, class: &str) -> String {
    format!(
        "<marker id=\"{id}\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto-start-reverse\"><path class=\"{class}\" \
         d=\"M0,0 L10,5 L0,10 z\"/></marker>"
    )
}

/// Two figures on a page may use the same names.
fn with_prefix(svg: &str, name: &str) -> String {
    // Each pattern is a constant: they compile.
    let replaced = |text: &str, pattern: &str, with: &str| match Regex::new(pattern) {
        Ok(regex) => regex.replace_all(text, with).into_owned(),
        Err(_) => text.to_owned(),
    };
    let svg = replaced(svg, r#" id="([^"]+)""#, &format!(" id=\"{name}-${{1}}\""));
    let svg = replaced(&svg, r"url\(#([^)]+)\)", &format!("url(#{name}-${{1}})"));
    let svg = replaced(&svg, r##"href="#([^"]+)""##, &format!("href=\"#{name}-${{1}}\""));
    svg.replace(
        "aria-labelledby=\"title desc\"",
        &format!("aria-labelledby=\"{name}-title {name}-desc\""),
    )
}

/// Without empty lines, which would end the HTML in Markdown's eyes.
fn compact(svg: &str) -> String {
    svg.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "<svg viewBox=\"0 0 9 9\">\n<title>A box</title>\n\
        <desc>One box, drawn for a test of what figures must have.</desc>\n\n\
        <path class=\"arrow\" d=\"M0,0\"/><rect id=\"a\" class=\"box\"/></svg>";

    #[test]
    fn names_get_the_figures_own_in_front() {
        let Svg { title, body } = Svg::of(GOOD, "fig").expect("good");
        assert_eq!(title, "A box");
        for part in ["id=\"fig-a\"", "url(#fig-head)", "id=\"fig-head\"", "fig-title fig-desc"] {
            assert!(body.contains(part), "{part}: {body}");
        }
        assert!(!body.contains("\n\n"), "{body}");
    }

    #[test]
    fn rules_are_enforced() {
        for (from, to) in [
            ("<title>A box</title>", ""),
            ("One box, drawn for a test of what figures must have.", "A box."),
            ("class=\"box\"", "fill=\"#fff\""),
            ("viewBox=\"0 0 9 9\"", ""),
            ("<rect", "<style>a</style><rect"),
        ] {
            assert!(GOOD.contains(from));
            assert!(Svg::of(&GOOD.replace(from, to), "x").is_err(), "{to}");
        }
    }
}
