//! The printed table: what, measured, ratio, bar, and whether it holds.

use std::io::Write;

/// Rows in the order in which they were measured.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    what: String,
    measured: String,
    ratio: String,
    bar: String,
    holds: &'static str,
}

/// A bar that a figure must not pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bar {
    /// The largest figure that holds.
    pub(crate) most: f64,
    /// Of what: `x raw`, `us`.
    pub(crate) unit: &'static str,
}

impl Table {
    /// A figure with its unit, without a bar.
    pub(crate) fn note(&mut self, what: &str, figure: f64, unit: &str) {
        self.push(what, format!("{} {unit}", rounded(figure)), None, None);
    }

    /// A figure with a bar in its own unit.
    pub(crate) fn figure(&mut self, what: &str, figure: f64, bar: Bar) {
        self.push(what, format!("{} {}", rounded(figure), bar.unit), None, Some((figure, bar)));
    }

    /// A cost in microseconds and its ratio to another figure of the same rounds.
    pub(crate) fn ratio(&mut self, what: &str, cpu: f64, ratio: f64, of: &str, bar: Option<Bar>) {
        self.push(what, format!("{} us", rounded(cpu)), Some((ratio, of)), bar.map(|bar| (ratio, bar)));
    }

    fn push(&mut self, what: &str, measured: String, ratio: Option<(f64, &str)>, bar: Option<(f64, Bar)>) {
        self.rows.push(Row {
            what: what.to_owned(),
            measured,
            ratio: ratio.map_or_else(String::new, |(ratio, of)| format!("{ratio:.2} {of}")),
            bar: bar.map_or_else(String::new, |(_, bar)| format!("<= {} {}", bar.most, bar.unit)),
            holds: bar.map_or("", |(figure, bar)| if figure <= bar.most { "holds" } else { "missed" }),
        });
    }

    /// As Markdown, so that the page of the documentation is this very output.
    #[expect(clippy::print_stdout, reason = "the table is what the program is for")]
    pub(crate) fn print(&self, machine: &str) {
        println!("{machine}\n");
        let head = ["what", "measured", "ratio", "bar", ""];
        let cells = self.rows.iter().map(|row| [&*row.what, &*row.measured, &*row.ratio, &*row.bar, row.holds]);
        let all: Vec<[&str; 5]> = std::iter::once(head).chain(cells).collect();
        let widths: [usize; 5] =
            std::array::from_fn(|column| all.iter().map(|row| row[column].len()).max().unwrap_or(0).max(3));
        for (index, row) in all.iter().enumerate() {
            println!("{}", line(row, &widths));
            if index == 0 {
                let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                println!("| {} |", rules.join(" | "));
            }
        }
        let _nobody_listens = std::io::stdout().flush();
    }
}

fn line(row: &[&str; 5], widths: &[usize; 5]) -> String {
    let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
    format!("| {} |", cells.join(" | "))
}

/// Three digits that count.
fn rounded(figure: f64) -> String {
    match figure {
        100.0.. => format!("{figure:.0}"),
        10.0.. => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}
