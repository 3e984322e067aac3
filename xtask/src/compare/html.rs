//! Small pieces of HTML.

/// `text` for a place between tags or inside an attribute.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            _ => safe.push(c),
        }
    }
    safe
}

/// A sentence whose `code` stands between backticks.
pub fn prose(text: &str) -> String {
    let mut html = String::new();
    let parts: Vec<&str> = text.split('`').collect();
    for (index, part) in parts.iter().enumerate() {
        // An odd part stands between two backticks, unless the last was never closed.
        match index % 2 == 1 && index + 1 < parts.len() {
            true => html.push_str(&format!("<code>{}</code>", breakable(part))),
            false if index % 2 == 1 => html.push_str(&format!("`{}", escape(part))),
            false => html.push_str(&escape(part)),
        }
    }
    html
}

/// Code that may be broken where a path has a joint.
pub fn breakable(code: &str) -> String {
    escape(code).replace("::", "::<wbr>").replace("_", "_<wbr>")
}

/// A name that can be an `id`.
pub fn slug(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    plain.collect::<String>().trim_matches('-').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escape("a<b> & \"c\""), "a&lt;b&gt; &amp; &quot;c&quot;");
        assert_eq!(prose("see `a::b<c>`, `d"), "see <code>a::<wbr>b&lt;c&gt;</code>, `d");
        assert_eq!(slug("m1_memory::heap"), "m1-memory--heap");
    }
}
