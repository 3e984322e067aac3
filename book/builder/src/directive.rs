//! Directives in a chapter: `{{#name arguments}}`, each alone on its line; `quiz` also has
//! a body up to `{{#/quiz}}`.

/// The directive that has a body.
const WITH_BODY: &str = "quiz";

/// A piece of a chapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Markdown, for mdBook.
    Text(String),
    /// Something of ours.
    Directive(Directive),
    /// A line that should be a directive and is none: where, and why not.
    Broken(usize, String),
}

/// Something that is shown in place of its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// From 1.
    pub line: usize,
    /// What is to be shown.
    pub name: String,
    /// Which of it.
    pub arguments: Vec<Word>,
    /// What stands between it and its end, for those that have one.
    pub body: Option<String>,
}

/// A word of a directive's arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// As it stands there.
    Plain(String),
    /// Between backticks.
    Quoted(String),
}

impl Directive {
    /// The arguments up to `from` and `to`, as one text; and what stands behind these.
    ///
    /// # Errors
    /// If `from` or `to` is not followed by a text between backticks.
    pub fn split(&self) -> Result<(String, Range<'_>), String> {
        let mut range = Range::default();
        let mut front = Vec::new();
        let mut words = self.arguments.iter();
        while let Some(word) = words.next() {
            let end = match word {
                Word::Plain(word) if word == "from" => &mut range.from,
                Word::Plain(word) if word == "to" => &mut range.to,
                Word::Plain(word) => {
                    front.push(word.as_str());
                    continue;
                }
                Word::Quoted(word) => return Err(format!("`{word}` stands behind no from or to")),
            };
            let Some(Word::Quoted(text)) = words.next() else {
                return Err("from and to are followed by a text between backticks".into());
            };
            *end = Some(text);
        }
        Ok((front.join(" "), range))
    }
}

/// Which lines of a text are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range<'a> {
    /// The first one has this.
    pub from: Option<&'a str>,
    /// The last one has this.
    pub to: Option<&'a str>,
}

/// Takes a chapter apart. `first` is the number of its first line.
pub fn segments(text: &str, first: usize) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut plain = String::new();
    let mut fence: Option<String> = None;
    let mut lines = text.lines().zip(first..).peekable();
    while let Some((line, number)) = lines.next() {
        let inside = fence.is_some();
        track_fence(line, &mut fence);
        if inside || fence.is_some() || !line.contains("{{#") {
            plain.push_str(line);
            plain.push('\n');
            continue;
        }
        if !plain.is_empty() {
            segments.push(Segment::Text(std::mem::take(&mut plain)));
        }
        let Some((name, arguments)) = parse(line) else {
            let why = "a directive stands alone on its line: {{#name arguments}}";
            segments.push(Segment::Broken(number, why.into()));
            continue;
        };
        let mut directive = Directive { line: number, name, arguments, body: None };
        if directive.name == WITH_BODY {
            let end = format!("{{{{#/{WITH_BODY}}}}}");
            let mut body = String::new();
            let mut closed = false;
            for (line, _) in lines.by_ref() {
                closed = line.trim() == end;
                if closed {
                    break;
                }
                body.push_str(line);
                body.push('\n');
            }
            if !closed {
                segments.push(Segment::Broken(number, format!("no {end} follows")));
                continue;
            }
            directive.body = Some(body);
        }
        segments.push(Segment::Directive(directive));
    }
    if !plain.is_empty() {
        segments.push(Segment::Text(plain));
    }
    segments
}

/// Notes where fenced code begins and ends.
pub fn track_fence(line: &str, fence: &mut Option<String>) {
    let trimmed = line.trim_start();
    let mark: String = trimmed.chars().take_while(|&char| char == '`').collect();
    match fence {
        None if mark.len() >= 3 => *fence = Some(mark),
        Some(open) if mark.len() >= open.len() && trimmed.trim_end() == mark => *fence = None,
        _ => {}
    }
}

fn parse(line: &str) -> Option<(String, Vec<Word>)> {
    let inner = line.trim().strip_prefix("{{#")?.strip_suffix("}}")?;
    let (name, mut rest) = inner.split_once(' ').unwrap_or((inner, ""));
    let mut words = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some((name.to_owned(), words));
        }
        let word;
        if let Some(quoted) = rest.strip_prefix('`') {
            (word, rest) = quoted.split_once('`')?;
            words.push(Word::Quoted(word.to_owned()));
        } else {
            (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            words.push(Word::Plain(word.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Directive {
        match segments(text, 1).as_slice() {
            [Segment::Directive(one)] => one.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn words_and_texts_are_told_apart() {
        let one = only("{{#part a/b.rs <Gate as Drop>::drop from `let a` to `}`}}\n");
        assert_eq!(one.name, "part");
        let (front, range) = one.split().expect("well formed");
        assert_eq!(front, "a/b.rs <Gate as Drop>::drop");
        assert_eq!(range, Range { from: Some("let a"), to: Some("}") });
        assert!(only("{{#part a from b}}").split().is_err());
        assert!(only("{{#part a `b`}}").split().is_err());
    }

    #[test]
    fn text_is_left_alone_and_code_is_no_directive() {
        let text = "a\n```text\n{{#item a b}}\n```\n{{#figure x}}\nb\n";
        let found = segments(text, 1);
        assert_eq!(found[0], Segment::Text("a\n```text\n{{#item a b}}\n```\n".into()));
        assert!(matches!(&found[1], Segment::Directive(one) if one.line == 5));
        assert_eq!(found[2], Segment::Text("b\n".into()));
    }

    #[test]
    fn a_body_ends_where_it_says() {
        let one = only("{{#quiz}}\nq\n---\na\n{{#/quiz}}\n");
        assert_eq!(one.body.as_deref(), Some("q\n---\na\n"));
        for broken in ["{{#quiz}}\nq\n", "see {{#figure x}} here", "{{#figure `x}}"] {
            assert!(matches!(segments(broken, 7)[0], Segment::Broken(7, _)), "{broken}");
        }
    }
}
