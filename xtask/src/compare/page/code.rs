//! What the sources tell: boots, modules, dependencies, differences.

use super::{
    super::{
        Comparison,
        align::{Relation, Row},
        html::{breakable, escape, prose, slug},
        modules::Module,
        sequence::Step,
        source,
    },
    sections::{beside, cell},
};

/// The two boots beside each other.
pub fn sequence(comparison: &Comparison) -> String {
    let row = |row: &Row| {
        let (class, word) = match row.relation {
            Relation::Same => ("same", ""),
            Relation::Changed => ("changed", "other arguments"),
            Relation::Superseded => ("superseded", "supersedes"),
            Relation::Gone => ("gone", "gone"),
            Relation::New => ("new", "new"),
        };
        let badge = match word {
            "" => String::new(),
            _ => format!(" <span class=\"badge\">{word}</span>"),
        };
        let (on_left, on_right) = match row.right.is_some() {
            true => ("", badge.as_str()),
            false => (badge.as_str(), ""),
        };
        let left = row.left.as_ref().map_or(String::new(), |one| step(one, on_left));
        let right = row.right.as_ref().map_or(String::new(), |one| step(one, on_right));
        let Comparison { left: from, right: to, .. } = comparison;
        format!(
            "<tr class=\"{class}\">{}{}</tr>\n",
            cell(&from.name.to_uppercase(), &left),
            cell(&to.name.to_uppercase(), &right)
        )
    };
    let rows: String = comparison.sequence.iter().map(row).collect();
    let intro = "<p>One call a line, as in the two <code>main.rs</code>; what happens on an \
                 error is left out.</p>\n";
    format!("{intro}{}", beside(comparison, "calls", &rows))
}

fn step(step: &Step, badge: &str) -> String {
    let comment = match step.comment.as_str() {
        "" => String::new(),
        comment => format!("<p class=\"comment\">{}</p>", prose(comment)),
    };
    format!("{comment}<code>{}</code>{badge}", breakable(&step.call))
}

/// The earlier boot alone.
pub fn given_sequence(comparison: &Comparison) -> String {
    let steps: String = comparison
        .sequence
        .iter()
        .filter_map(|row| row.left.as_ref())
        .map(|one| format!("<li>{}</li>\n", step(one, "")))
        .collect();
    format!("<ol class=\"calls\">\n{steps}</ol>\n")
}

/// The new modules, each with those within.
pub fn modules(comparison: &Comparison) -> String {
    let most = comparison.modules.iter().map(Module::all_lines).max().unwrap_or(1).max(1);
    let items: String = comparison.modules.iter().map(|one| module(one, most)).collect();
    let lines: usize = comparison.modules.iter().map(Module::all_lines).sum();
    let tests: usize = comparison.modules.iter().map(Module::all_test_lines).sum();
    format!(
        "<p>In the order in which the library declares them. {lines} lines in all, and {tests} \
         lines of tests.</p>\n<ul class=\"modules\">\n{items}</ul>\n"
    )
}

fn module(module: &Module, most: usize) -> String {
    let lines = module.all_lines();
    // Its figure stands behind the bar.
    let width = (lines * 70).div_ceil(most);
    let (id, path) = (slug(&module.path), breakable(&module.path));
    let head = format!(
        "<h3 id=\"{id}\"><code>{path}</code></h3>\n<p>{}</p>\n<p class=\"lines\">\
         <span class=\"bar\" style=\"width:{width}%\"></span> <span>{lines} lines</span></p>\n",
        prose(&module.sentence)
    );
    let within: Vec<&Module> = module.flat().into_iter().skip(1).collect();
    if within.is_empty() {
        return format!("<li>{head}</li>\n");
    }
    let parts: String = within
        .iter()
        .map(|one| {
            let name = one.path.strip_prefix(&module.path).unwrap_or(&one.path);
            format!(
                "<li><code>{}</code> {} <span class=\"count\">{} lines</span></li>\n",
                breakable(name.trim_start_matches("::")),
                prose(&one.sentence),
                one.lines
            )
        })
        .collect();
    format!(
        "<li>{head}<details class=\"within\"><summary>{} modules within</summary>\n\
         <ul>\n{parts}</ul></details></li>\n",
        within.len()
    )
}

/// What stands in another's place.
pub fn superseded(comparison: &Comparison) -> String {
    if comparison.superseded.is_empty() {
        return format!(
            "<p>Nothing: {} uses all that came before as it is.</p>\n",
            comparison.right.name.to_uppercase()
        );
    }
    let items: String = comparison
        .superseded
        .iter()
        .map(|one| {
            format!(
                "<li><a href=\"#{}\"><code>{}</code></a> supersedes <code>{}</code>: {}</li>\n",
                slug(one.new.split("::").take(2).collect::<Vec<_>>().join("::").as_str()),
                breakable(&one.new),
                breakable(&one.old),
                prose(&one.sentence)
            )
        })
        .collect();
    format!("<ul class=\"plain\">\n{items}</ul>\n")
}

/// The new dependencies with their reasons.
pub fn dependencies(comparison: &Comparison) -> String {
    if comparison.dependencies.is_empty() {
        return "<p>None.</p>\n".to_owned();
    }
    let items: String = comparison
        .dependencies
        .iter()
        .map(|one| {
            format!(
                "<dt><code>{}</code> <span class=\"count\">{}</span></dt><dd>{}</dd>\n",
                breakable(&one.dependency.name),
                one.milestone.to_uppercase(),
                prose(&one.dependency.reason)
            )
        })
        .collect();
    format!("<dl>\n{items}</dl>\n")
}

/// The sources' differences, one file after the other.
pub fn source(comparison: &Comparison) -> String {
    let concept = |concept: &source::Concept| {
        let files: String = concept.files.iter().map(change).collect();
        format!("<h3>{}</h3>\n{files}", escape(&concept.name))
    };
    comparison.source.iter().map(concept).collect()
}

fn change(change: &source::Change) -> String {
    let new = breakable(&change.new.display().to_string());
    let title = match &change.old {
        Some(old) => format!("{} → {new}", breakable(&old.display().to_string())),
        None => new,
    };
    let line = |line: &str| {
        let tag = match line.chars().next() {
            Some('+') => "ins",
            Some('-') => "del",
            Some('@') => "i",
            _ => return format!("{}\n", escape(line)),
        };
        format!("<{tag}>{}</{tag}>\n", escape(line))
    };
    let text: String = change.diff.lines().map(line).collect();
    format!(
        "<details class=\"file\"><summary><code>{title}</code> <span class=\"count\">+{} \u{2212}{}\
         </span></summary>\n<pre>{text}</pre></details>\n",
        change.added, change.removed
    )
}
