//! The table of all grades, as RFC 4180 has it, and harmless to spreadsheets.

use super::record::Record;

/// A line of titles, then one for each submission: name, points of each exercise, total,
/// the most there is, percent, note.
pub fn table(records: &[Record], exercises: &[&str]) -> String {
    let mut titles = vec!["submission"];
    titles.extend(exercises);
    titles.extend(["total", "max", "percent", "note"]);
    let mut text = line(titles.into_iter().map(str::to_owned));
    for record in records {
        let mut cells = vec![record.name().to_owned()];
        cells.extend(exercises.iter().map(|id| record.points_of(id).to_string()));
        cells.push(record.points().to_string());
        cells.push(record.points_max().to_string());
        cells.push(record.percent().to_string());
        cells.push(record.note());
        text.push_str(&line(cells));
    }
    text
}

fn line(cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells.into_iter().map(|cell| quoted(&cell)).collect();
    cells.join(",") + "\r\n"
}

/// A cell. Spreadsheets take one that begins like a formula for one, so it begins with an
/// apostrophe then.
fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cell = if formula { format!("'{cell}") } else { cell.to_owned() };
    match cell.contains(['"', ',', '\n', '\r', '\'']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_harmless() {
        assert_eq!(quoted("Ada"), "Ada");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(quoted("a\nb"), "\"a\nb\"");
        assert_eq!(quoted("=1+1"), "\"'=1+1\"");
        assert_eq!(quoted("@x"), "\"'@x\"");
    }
}
