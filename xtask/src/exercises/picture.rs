//! A value that should have been another, as a picture of its bits.
//!
//! ```text
//!            63…48             47  46…45  44  43…40  …
//!            offset 31:16      P   DPL        type
//! expected   1000000000010010  1   00     0   1110
//! yours      1000000000010010  0   00     0   1110
//!                              ^
//! ```

use super::outcome::Bits;

/// One column: bits from `high` down to `low`.
struct Column {
    name: String,
    high: u8,
    low: u8,
}

/// How wide a picture may get before it continues below.
const WIDTH_MAX: usize = 84;
/// What stands at the left.
const MARGIN: usize = 10;

/// The picture's lines. Columns of 64 bits that do not fit side by side continue in a
/// second block.
pub fn draw(bits: &Bits) -> Vec<String> {
    let mut lines = Vec::new();
    let mut block: Vec<Column> = Vec::new();
    let mut width = MARGIN;
    for column in columns(bits) {
        if width + column.width() > WIDTH_MAX && !block.is_empty() {
            lines.extend(draw_block(bits, &block));
            block.clear();
            width = MARGIN;
        }
        width += column.width() + 2;
        block.push(column);
    }
    lines.extend(draw_block(bits, &block));
    lines
}

impl Column {
    fn range(&self) -> String {
        match self.high == self.low {
            true => self.high.to_string(),
            false => format!("{}…{}", self.high, self.low),
        }
    }

    fn width(&self) -> usize {
        let bits = usize::from(self.high - self.low) + 1;
        bits.max(self.range().chars().count()).max(self.name.chars().count())
    }

    /// The column's bits of `value`, highest first.
    fn digits(&self, value: u64) -> String {
        (self.low..=self.high)
            .rev()
            .map(|bit| if value >> bit & 1 == 1 { '1' } else { '0' })
            .collect()
    }
}

/// The fields, and what lies between them, from the top.
fn columns(bits: &Bits) -> Vec<Column> {
    let mut columns = Vec::new();
    // One above the next bit to be covered.
    let mut above = u8::try_from(bits.width.min(64)).unwrap_or(64);
    for (name, high, low) in &bits.fields {
        if *high >= above || low > high {
            continue;
        }
        if high + 1 < above {
            columns.push(Column { name: String::new(), high: above - 1, low: high + 1 });
        }
        columns.push(Column { name: name.clone(), high: *high, low: *low });
        above = *low;
    }
    if above > 0 {
        columns.push(Column { name: String::new(), high: above - 1, low: 0 });
    }
    columns
}

fn draw_block(bits: &Bits, columns: &[Column]) -> Vec<String> {
    let row = |title: &str, cell: &dyn Fn(&Column) -> String| {
        let mut line = format!("{title:<MARGIN$}");
        for column in columns {
            line.push_str(&format!("{:<width$}  ", cell(column), width = column.width()));
        }
        line.trim_end().to_owned()
    };
    let mut lines = vec![
        row("bit", &Column::range),
        row("", &|column| column.name.clone()),
        row("expected", &|column| column.digits(bits.expected)),
        row("yours", &|column| column.digits(bits.got)),
        row("", &|column| {
            column.digits(bits.expected ^ bits.got).replace('1', "^").replace('0', " ")
        }),
    ];
    lines.retain(|line| !line.is_empty());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(expected: u64, got: u64) -> Bits {
        let field = |name: &str, high, low| (name.to_owned(), high, low);
        Bits { width: 16, expected, got, fields: vec![field("P", 15, 15), field("type", 11, 8)] }
    }

    #[test]
    fn differing_bits_are_marked_below() {
        let lines = draw(&gate(0x8e00, 0x0f00));
        assert_eq!(
            lines,
            [
                "bit       15  14…12  11…8  7…0",
                "          P          type",
                "expected  1   000    1110  00000000",
                "yours     0   000    1111  00000000",
                "          ^             ^",
            ]
        );
    }

    #[test]
    fn a_wide_value_continues_below() {
        let field = |high, low| ("f".to_owned(), high, low);
        let bits =
            Bits { width: 64, expected: 0, got: 1, fields: vec![field(63, 32), field(31, 0)] };
        let lines = draw(&bits);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH_MAX));
        let bits =
            Bits { fields: (0..32).rev().map(|n| field(2 * n + 1, 2 * n)).collect(), ..bits };
        assert!(draw(&bits).len() > 5);
        assert!(draw(&bits).iter().all(|line| line.chars().count() <= WIDTH_MAX));
    }

    #[test]
    fn nonsense_from_the_wire_does_not_panic() {
        let field = |high, low| ("f".to_owned(), high, low);
        for fields in [vec![field(255, 0)], vec![field(3, 9)], vec![field(3, 0), field(5, 4)]] {
            draw(&Bits { width: 200, expected: u64::MAX, got: 0, fields });
        }
    }
}
