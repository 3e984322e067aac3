//! Ours beside the peers, with a line that says where ours is behind.

use super::{
    figures::{Figure, Figures, OURS, Row},
    table,
};
use std::fmt::Write;

/// A table for each workload that a peer ran too.
pub fn tables(figures: &Figures) -> String {
    let rows = figures.rows();
    let width = table::name_width(rows.iter().map(|row| row.allocator)) + 2;
    let mut text = String::new();
    for ours in rows.iter().filter(|row| row.allocator == OURS) {
        let peers: Vec<&Row> =
            rows.iter().filter(|row| row.name == ours.name && row.allocator != OURS).collect();
        if peers.is_empty() {
            continue;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", ours.name);
        for row in [&[ours][..], &peers].concat() {
            let name = format!("  {}", row.allocator);
            let line = table::numbers(&name, &row.values, width);
            let _ = writeln!(text, "{}", line.trim_end());
        }
        let _ = writeln!(text, "  → {}\n", standing(ours, &peers));
    }
    text
}

/// How ours stands in the figures that matter: median and maximum, or the one.
fn standing(ours: &Row, peers: &[&Row]) -> String {
    let own = ours.figures();
    let judged: Vec<usize> = if own.len() == 1 { vec![0] } else { vec![1, 3] };
    let parts = judged.into_iter().map(|place| {
        let what = match (own.len(), place) {
            (1, _) => "",
            (_, 1) => "median: ",
            _ => "max: ",
        };
        let peers = peers.iter().map(|row| row.figures()).filter(|row| row.len() == own.len());
        let peers: Vec<&Figure> = peers.map(|row| row[place]).collect();
        format!("{what}{}", against(own[place], &peers))
    });
    parts.collect::<Vec<_>>().join("; ")
}

fn against(own: &Figure, peers: &[&Figure]) -> String {
    let names = |wanted: fn(u64, u64) -> bool| {
        let better = peers.iter().filter(|peer| match own.less_is_better() {
            true => wanted(peer.value, own.value),
            false => wanted(own.value, peer.value),
        });
        let shown: Vec<String> =
            better.map(|peer| format!("{} ({})", peer.allocator, peer.value)).collect();
        shown.join(", ")
    };
    let (behind, level) = (names(|one, other| one < other), names(|one, other| one == other));
    match (behind.is_empty(), level.is_empty()) {
        (true, true) => "ahead of every peer".to_owned(),
        (true, false) => format!("level with {level}, behind none"),
        (false, _) => format!("BEHIND {behind}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::figures::tests::figures;

    fn row(allocator: &str, median: u32, max: u32) -> Vec<String> {
        let values = [("min", 1), ("median", median), ("p99", max), ("max", max)];
        let line = |(name, value)| format!("{allocator}heap/a/{name} {value} instructions");
        values.map(line).to_vec()
    }

    #[test]
    fn being_behind_is_said() {
        let lines = [row("", 40, 90), row("talc:", 41, 80), row("rlsf:", 50, 90)].concat();
        let figures = figures(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let text = tables(&figures);
        assert!(text.contains("→ median: ahead of every peer; max: BEHIND talc (80)\n"), "{text}");
        let order: Vec<&str> =
            text.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(order, ["heap/a", "myria", "talc", "rlsf", "→"]);
    }

    #[test]
    fn more_is_better_of_what_is_usable() {
        let figures = figures(&[
            "heap/usable/64B 960 permille",
            "heap/spread 1000 permille",
            "talc:heap/usable/64B 666 permille",
            "talc:heap/spread 1000 permille",
        ]);
        let text = tables(&figures);
        assert!(text.contains("→ ahead of every peer\n"), "{text}");
        assert!(text.contains("→ level with talc (1000), behind none\n"), "{text}");
    }
}
