//! The table of what each make of token serves, in `docs/tokens.md`: it says what the tokens here say of themselves, and the
//! other tests of the suite use all of it.

use std::collections::BTreeSet;

use kms_core::key_spec::KeySpec;
use kms_hsm::KindRow;

use crate::place::{Make, TOLD, on_each_make};

const DOCUMENT: &str = include_str!("../../../../../docs/tokens.md");
const BEGIN: &str = "<!-- The conformance suite compares this table with the tokens. -->\n";
const END: &str = "<!-- End of the table. -->";
const NO: &str = "no: ";

#[test]
fn the_documented_table_says_what_each_make_of_token_serves() {
    let told = on_each_make(|place| {
        for row in place.token().capabilities().table().iter().filter(|row| row.kind.spec != KeySpec::Sm2) {
            println!("{TOLD}{} | {} | {}", row.kind.spec, row.kind.usage, cell(row));
        }
    });
    let columns: Vec<_> = told.iter().map(|(make, text)| Column::read(*make, text)).collect();
    let Some(first) = columns.first() else { return };
    let table = DOCUMENT.split_once(BEGIN).unwrap().1.split_once(END).unwrap().0;
    let lines: Vec<_> = table.trim().lines().map(cells).collect();
    println!("{}", markdown(&columns));
    assert_eq!(lines.len(), 3 + first.cells.len(), "rows of docs/tokens.md; the table is printed above");
    for column in &columns {
        let place = lines[0].iter().position(|title| *title == column.title()).unwrap();
        for (line, (spec, usage, cell)) in lines[2..].iter().zip(&column.cells) {
            let wanted = [spec, usage, cell].map(String::as_str);
            assert_eq!([line[0], line[1], line[place]], wanted, "docs/tokens.md; the table is printed above");
        }
        assert_eq!(lines[lines.len() - 1][place], column.total(), "docs/tokens.md; the table is printed above");
    }
    let all: BTreeSet<_> = columns.iter().flat_map(Column::served).collect();
    let wanted = if columns.len() == 2 { 19 } else { 13 };
    assert_eq!(all.len(), wanted, "{all:?}");
}

/// What a token says of one kind of key.
fn cell(row: &KindRow) -> String {
    if let Err(reason) = row.generate {
        return format!("{NO}{reason}");
    }
    let served: Vec<_> = row.imports.iter().filter(|(_, served)| served.is_ok()).map(|(way, _)| way.name()).collect();
    let mut cell = match served.len() {
        0 if row.imports.is_empty() => "made".to_owned(),
        0 => "made, not imported".to_owned(),
        all if all == row.imports.len() => "made, imported".to_owned(),
        _ => format!("made, imported by {} alone", served.join(" and ")),
    };
    for (algorithm, _) in row.signatures.iter().filter(|(_, served)| served.is_err()) {
        cell.push_str(&format!("; not {algorithm}"));
    }
    cell
}

/// What one make of token serves, as its child process told it line by line.
struct Column {
    make: Make,
    /// Key spec, usage and cell.
    cells: Vec<(String, String, String)>,
}

impl Column {
    fn read(make: Make, text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once(TOLD));
        let cells = lines.map(|(_, told)| {
            let [spec, usage, cell] = told.splitn(3, " | ").collect::<Vec<_>>()[..] else { panic!("{told}") };
            (spec.to_owned(), usage.to_owned(), cell.to_owned())
        });
        Self { make, cells: cells.collect() }
    }

    fn title(&self) -> &'static str {
        match self.make {
            Make::SoftHsm => "SoftHSM",
            Make::Kryoptic => "Kryoptic",
        }
    }

    /// The key specs that it serves with every usage.
    fn served(&self) -> BTreeSet<&str> {
        let is_served = |spec: &str| self.cells.iter().all(|(of, _, cell)| of != spec || !cell.starts_with(NO));
        self.cells.iter().map(|(spec, ..)| spec.as_str()).filter(|spec| is_served(spec)).collect()
    }

    fn total(&self) -> String {
        format!("{} key specs", self.served().len())
    }
}

fn markdown(columns: &[Column]) -> String {
    let line = |first: [&str; 2], rest: Vec<String>| format!("| {} | {} |\n", first.join(" | "), rest.join(" | "));
    let mut text = line(["Key spec", "Usage"], columns.iter().map(|column| column.title().to_owned()).collect());
    text += &line(["---", "---"], columns.iter().map(|_| "---".to_owned()).collect());
    for (place, (spec, usage, _)) in columns[0].cells.iter().enumerate() {
        text += &line([spec, usage], columns.iter().map(|column| column.cells[place].2.clone()).collect());
    }
    text + &line(["Together", ""], columns.iter().map(Column::total).collect())
}

fn cells(line: &str) -> Vec<&str> {
    line.trim().trim_start_matches('|').trim_end_matches('|').split('|').map(str::trim).collect()
}
