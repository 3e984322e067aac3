//! What kernels and their boots tell: transcripts, memory, sizes.

use super::{
    super::{
        Comparison, Lines,
        html::{escape, prose},
        maps::{Pair, Region},
        text::{both_print_physical, without_map},
    },
    sections::{beside, cell},
};

/// What the boots print, beside each other.
pub fn transcripts(comparison: &Comparison) -> String {
    let names = (comparison.left.name.to_uppercase(), comparison.right.name.to_uppercase());
    // What differs stands in one row, so that a narrow screen shows one side of it
    // after the other.
    let chunks = comparison.transcripts.chunk_by(|one, next| !one.same && !next.same);
    let row = |lines: &[Lines]| {
        let left = samples(lines.iter().filter_map(|line| line.left.as_deref()));
        let right = samples(lines.iter().filter_map(|line| line.right.as_deref()));
        let class = match (lines.iter().all(|line| line.same), left.is_empty(), right.is_empty()) {
            (true, ..) => "same",
            (_, false, false) => "other",
            (_, false, true) => "gone",
            _ => "new",
        };
        format!("<tr class=\"{class}\">{}{}</tr>\n", cell(&names.0, &left), cell(&names.1, &right))
    };
    let rows: String = chunks.map(row).collect();
    let intro = "<p>Captured on a machine whose time is the number of instructions executed: one \
                 is a nanosecond.</p>\n";
    format!("{intro}{}", beside(comparison, "transcript", &rows))
}

fn samples<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let sample = |line: &str| match line {
        // A line that is there and empty is something else than no line.
        "" => "<samp>&nbsp;</samp>".to_owned(),
        _ => format!("<samp>{}</samp>", escape(line)),
    };
    lines.map(sample).collect()
}

/// What lies where, beside each other.
pub fn memory(comparison: &Comparison) -> String {
    let mut html = String::new();
    for side in [&comparison.left, &comparison.right] {
        if side.map.virtual_memory.is_empty() {
            html.push_str(&format!(
                "<p>{}.</p>\n",
                escape(&without_map(side).replacen(&side.name, &side.name.to_uppercase(), 1,))
            ));
        }
    }
    html.push_str(
        "<p>High addresses above. Rights: read, write, execute, ring 3 (u), global (g).</p>\n",
    );
    html += &beside(comparison, "map", &pairs(comparison, &comparison.virtual_memory));
    if both_print_physical(comparison) {
        let rows = pairs(comparison, &comparison.physical_memory);
        html.push_str("<h3 id=\"physical-memory\">Physical memory, as each tells of it</h3>\n");
        html += &beside(comparison, "map physical", &rows);
    }
    html
}

/// Rows of regions, the highest first.
fn pairs(comparison: &Comparison, pairs: &[Pair]) -> String {
    let (one, other) = (comparison.left.name.to_uppercase(), comparison.right.name.to_uppercase());
    let row = |pair: &Pair| {
        let class = match (&pair.left, &pair.right) {
            (Some(_), Some(_)) => "same",
            (Some(_), None) => "gone",
            _ => "new",
        };
        let show = |one: &Option<Region>| one.as_ref().map_or(String::new(), region);
        let (left, right) = (cell(&one, &show(&pair.left)), cell(&other, &show(&pair.right)));
        format!("<tr class=\"{class}\">{left}{right}</tr>\n")
    };
    pairs.iter().rev().map(row).collect()
}

fn region(region: &Region) -> String {
    let kind = match region.rights.as_str() {
        "" => "physical",
        rights if rights.contains('x') => "execute",
        rights if rights.contains('w') => "write",
        _ => "read",
    };
    format!(
        "<div class=\"region {kind}\"><strong>{}</strong> {} \
         <span class=\"count\">{}</span><br><code class=\"address\">{:#018x}</code></div>",
        prose(&region.name),
        match region.rights.as_str() {
            "" => String::new(),
            rights => format!("<code class=\"rights\">{}</code>", escape(rights)),
        },
        region.size(),
        region.start
    )
}

/// Sizes, and what a boot takes.
pub fn sizes(comparison: &Comparison) -> String {
    let Comparison { left, right, .. } = comparison;
    let row = |name: &str, one: u64, other: u64, unit: &str| {
        format!(
            "<tr><th scope=\"row\">{name} <span class=\"count\">{unit}</span></th>\
             <td>{}</td><td>{}</td></tr>\n",
            grouped(one),
            grouped(other)
        )
    };
    let mut rows: String = comparison
        .sections
        .iter()
        .map(|one| {
            let name = format!("<code>{}</code>", escape(&one.name));
            row(&name, one.left, one.right, "bytes")
        })
        .collect();
    if let (Some(one), Some(other)) = (left.bytes_in_memory, right.bytes_in_memory) {
        rows += &row("In memory", one, other, "bytes");
    }
    rows += &row("Own sources", left.lines as u64, right.lines as u64, "lines");
    rows += &row("Boot", left.boot_instructions, right.boot_instructions, "instructions");
    format!(
        "<table class=\"figures\">\n<thead><tr><th scope=\"col\"></th><th scope=\"col\">{}</th>\
         <th scope=\"col\">{}</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n\
         <p>A boot's instructions include those that it waits, as for timer ticks.</p>\n",
        left.name.to_uppercase(),
        right.name.to_uppercase(),
    )
}

/// A number with a thin space at each thousand.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut result = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            result.push('\u{202f}');
        }
        result.push(digit);
    }
    result
}
