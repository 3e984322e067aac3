//! Steps of a recording as a table, for readers without JavaScript and for paper.

use crate::render::escape;
use serde_json::Value;

/// The table's beginning, with its caption and headings.
pub fn open(caption: &str, columns: &[&str]) -> String {
    let columns: String =
        columns.iter().map(|name| format!("<th scope=\"col\">{}</th>", escape(name))).collect();
    format!("<table><caption>{}</caption><thead><tr>{columns}</tr></thead><tbody>", escape(caption))
}

/// Its end.
pub const CLOSE: &str = "</tbody></table>";

/// A row of texts; those in backquotes are code.
pub fn row(cells: &[&str]) -> String {
    let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", inline(cell))).collect();
    format!("<tr>{cells}</tr>")
}

/// A text, or code if it stands in backquotes as a whole.
fn inline(text: &str) -> String {
    match text.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
        Some(code) => format!("<code>{}</code>", escape(code)),
        None => escape(text),
    }
}

/// The calls of `data.steps` with what they answered and what that means.
pub fn of_steps(caption: &str, data: &Value) -> String {
    let mut html = open(caption, &["Step", "Call", "Answer", "What happens"]);
    for (index, step) in data["steps"].as_array().into_iter().flatten().enumerate() {
        let text = |name: &str| step[name].as_str().unwrap_or_default();
        let number = (index + 1).to_string();
        html += &row(&[&number, &format!("`{}`", text("call")), text("answer"), text("said")]);
    }
    html + CLOSE
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn steps_become_rows_without_a_blank_line() {
        let step = json!({ "call": "free(<1>)", "answer": "done", "said": "It & all." });
        let html = of_steps("Calls", &json!({ "steps": [step] }));
        assert!(html.contains("<td>1</td><td><code>free(&lt;1&gt;)</code></td>"), "{html}");
        assert!(html.contains("<td>It &amp; all.</td>"), "{html}");
        assert!(!html.contains('\n'), "a blank line would end the block of HTML");
    }
}
