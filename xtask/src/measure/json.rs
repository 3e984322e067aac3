//! Figures for programs.
//!
//! ```json
//! {
//!   "version": 1,
//!   "cpu": "qemu64",
//!   "within_budgets": false,
//!   "figures": [
//!     {
//!       "allocator": "myria",
//!       "name": "heap/steady/alloc/median",
//!       "value": 43,
//!       "unit": "instructions",
//!       "budget": { "at_most": 45 },
//!       "within_budget": true
//!     }
//!   ]
//! }
//! ```
//!
//! `unit` is `instructions` or `permille`; `budget` is `at_most` or `at_least`,
//! and absent, as `within_budget` is, where there is none. Peers' names stand in
//! `allocator`. Keys and names stay as they are within a version.

use super::{
    CPU,
    budgets::{Budgets, Limit},
    figures::{Figure, Figures},
};
use anyhow::Result;
use serde::Serialize;

/// The version of the format.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    cpu: &'a str,
    within_budgets: bool,
    figures: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    figure: &'a Figure,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<Limit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    within_budget: Option<bool>,
}

/// All figures with their limits.
pub fn document(figures: &Figures, budgets: &Budgets) -> Result<String> {
    let entries: Vec<Entry> = figures
        .iter()
        .map(|figure| {
            let budget = budgets.limit(figure);
            Entry { figure, budget, within_budget: budget.map(|limit| limit.holds(figure.value)) }
        })
        .collect();
    let within_budgets = entries.iter().all(|entry| entry.within_budget != Some(false));
    let document = Document { version: VERSION, cpu: CPU, within_budgets, figures: entries };
    Ok(serde_json::to_string_pretty(&document)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::figures::tests::figures;
    use serde_json::json;

    #[test]
    fn the_format_is_as_documented() {
        let figures = figures(&["heap/a/median 50 instructions", "talc:heap/usable 9 permille"]);
        let budgets = Budgets::parse("\"heap/a/median\" = { at_most = 45 }").expect("good");
        let text = document(&figures, &budgets).expect("serialisable");
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let expected = json!({
            "version": 1,
            "cpu": "qemu64",
            "within_budgets": false,
            "figures": [
                {
                    "allocator": "myria", "name": "heap/a/median", "value": 50,
                    "unit": "instructions", "budget": { "at_most": 45 }, "within_budget": false,
                },
                { "allocator": "talc", "name": "heap/usable", "value": 9, "unit": "permille" },
            ],
        });
        assert_eq!(value, expected);
    }
}
