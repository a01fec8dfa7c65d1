//! One table of the report: the contestants of one workload, their medians, ratios and targets.

use std::fmt;
use std::time::Duration;

use crate::measure::Measured;
use crate::target::{Reached, Target};

/// Whose figures these are: ratios are taken against two of the roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Ours,
    Peer,
    Limit,
}

/// What is compared.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) title: String,
    /// What is counted, and in which unit.
    unit: &'static str,
    less_is_better: bool,
    pub(crate) rows: Vec<Row>,
}

/// One contestant.
#[derive(Debug)]
pub(crate) struct Row {
    name: String,
    role: Role,
    /// Nothing if it has no notion of what is measured.
    pub(crate) measured: Option<Measured>,
    targets: &'static [Target],
}

/// A contestant, and one round of its work.
pub(crate) struct Contestant<'a> {
    row: Row,
    round: Option<Box<dyn FnMut() -> Outcome + 'a>>,
}

/// One round, or why there is none.
pub(crate) type Outcome = Result<Measured, Box<dyn std::error::Error>>;

impl<'a> Contestant<'a> {
    pub(crate) fn new(
        role: Role,
        name: impl Into<String>,
        round: impl FnMut() -> Outcome + 'a,
    ) -> Self {
        Self { row: Row::new(role, name), round: Some(Box::new(round)) }
    }

    /// One that has no notion of what is measured.
    pub(crate) fn without(role: Role, name: impl Into<String>) -> Self {
        Self { row: Row::new(role, name), round: None }
    }

    /// The same, with what it should reach if it is ours.
    pub(crate) fn reach(self, targets: &'static [Target]) -> Self {
        Self { row: self.row.reach(targets), ..self }
    }
}

impl Row {
    fn new(role: Role, name: impl Into<String>) -> Self {
        Self { name: name.into(), role, measured: None, targets: &[] }
    }

    fn reach(self, targets: &'static [Target]) -> Self {
        let targets = if self.role == Role::Ours { targets } else { &[] };
        Self { targets, ..self }
    }
}

impl Table {
    pub(crate) fn new(title: impl Into<String>, unit: &'static str) -> Self {
        Self { title: title.into(), unit, less_is_better: false, rows: Vec::new() }
    }

    /// The same table, for what there should be little of.
    pub(crate) fn less_is_better(self) -> Self {
        Self { less_is_better: true, ..self }
    }

    /// Lets all contestants run in turns, so that a slow moment of the machine hits all of them;
    /// and another one begins each round.
    pub(crate) fn compete(
        mut self,
        rounds: usize,
        mut contestants: Vec<Contestant<'_>>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let mut results = vec![Vec::new(); contestants.len()];
        let count = contestants.len();
        for turn in (0..rounds).flat_map(|round| (round..round + count).map(|turn| turn % count)) {
            let contestant = &mut contestants[turn];
            if let Some(round) = &mut contestant.round {
                let done = round();
                results[turn].push(done.map_err(|error| {
                    format!("{}, {}: {error}", self.title, contestant.row.name)
                })?);
            }
        }
        for (Contestant { row, .. }, results) in contestants.into_iter().zip(results) {
            self.rows.push(Row { measured: median(results), ..row });
        }
        Ok(self)
    }

    /// Adds a contestant that was measured elsewhere.
    pub(crate) fn add(
        &mut self,
        role: Role,
        name: impl Into<String>,
        figure: f64,
        targets: &'static [Target],
    ) {
        let measured = Some(Measured { rate: figure, ..Measured::default() });
        let row = Row { measured, ..Row::new(role, name) };
        self.rows.push(row.reach(targets));
    }

    fn best(&self, role: Role) -> Option<f64> {
        let of_role = self.rows.iter().filter(|row| row.role == role);
        let figures = of_role.filter_map(|row| Some(row.measured.as_ref()?.rate));
        figures.reduce(if self.less_is_better { f64::min } else { f64::max })
    }
}

fn median(mut results: Vec<Measured>) -> Option<Measured> {
    results.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    (!results.is_empty()).then(|| results.swap_remove(results.len() / 2))
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.columns();
        let heads = columns.iter().map(|column| column.head).collect::<Vec<_>>().join(" | ");
        let lines = columns.iter().map(|column| column.line).collect::<String>();
        writeln!(f, "### {}\n\n| | {heads} |\n|---|{lines}", self.title)?;
        for row in &self.rows {
            let cell = |column: &Column<'_>| match &row.measured {
                Some(measured) => (column.cell)(row, measured),
                None => "-".to_owned(),
            };
            let cells = columns.iter().map(cell).collect::<Vec<_>>().join(" | ");
            writeln!(f, "| {} | {cells} |", row.name)?;
        }
        Ok(())
    }
}

/// The head of a column, the line below it, and what it says about a row.
struct Column<'a> {
    head: &'a str,
    line: &'static str,
    cell: Cell<'a>,
}

type Cell<'a> = Box<dyn Fn(&Row, &Measured) -> String + 'a>;

impl<'a> Column<'a> {
    fn of_numbers(head: &'a str, cell: impl Fn(&Measured) -> String + 'a) -> Self {
        Self { head, line: "---:|", cell: Box::new(move |_, measured| cell(measured)) }
    }
}

impl Table {
    /// Only the columns that have something to say.
    fn columns(&self) -> Vec<Column<'_>> {
        let mut columns = vec![Column::of_numbers(self.unit, |measured| precise(measured.rate))];
        for (head, role) in [("× best peer", Role::Peer), ("× limit", Role::Limit)] {
            if let Some(best) = self.best(role) {
                let ratio = move |measured: &Measured| format!("{:.2}", measured.rate / best);
                columns.push(Column::of_numbers(head, ratio));
            }
        }
        let measured = || self.rows.iter().filter_map(|row| row.measured.as_ref());
        if measured().any(|measured| !measured.p50.is_zero()) {
            columns.push(Column::of_numbers("p50 µs", |measured| micros(measured.p50)));
        }
        if measured().any(|measured| !measured.p99.is_zero()) {
            columns.push(Column::of_numbers("p99 µs", |measured| micros(measured.p99)));
        }
        if self.rows.iter().any(|row| !row.targets.is_empty()) {
            let cell = |row: &Row, measured: &Measured| self.judged(row.targets, measured);
            columns.push(Column { head: "our target", line: "---|", cell: Box::new(cell) });
        }
        columns
    }

    fn judged(&self, targets: &[Target], measured: &Measured) -> String {
        let of = |role| self.best(role).map(|best| measured.rate / best);
        let reached = Reached {
            figure: measured.rate,
            of_limit: of(Role::Limit),
            of_peers: of(Role::Peer),
            median_micros: measured.p50.as_secs_f64() * 1e6,
        };
        let judge = |target: &Target| match target.is_reached(&reached) {
            Some(true) => format!("{target}: reached"),
            Some(false) => format!("{target}: **missed**"),
            None => format!("{target}"),
        };
        targets.iter().map(judge).collect::<Vec<_>>().join("; ")
    }
}

fn micros(duration: Duration) -> String {
    precise(duration.as_nanos() as f64 / 1000.0)
}

/// A number with one place behind the point if it is small, else with its thousands set apart.
pub(crate) fn precise(number: f64) -> String {
    if number < 10.0 { format!("{number:.1}") } else { grouped(number) }
}

/// A number with its thousands set apart.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(role: Role, name: &str, rates: [f64; 3]) -> Contestant<'_> {
        let mut rates = rates.into_iter().map(|rate| Measured { rate, ..Measured::default() });
        Contestant::new(role, name, move || Ok(rates.next().expect("three rounds")))
    }

    #[test]
    fn the_median_counts_and_ratios_are_against_the_best_of_a_role() {
        let contestants = vec![
            rates(Role::Ours, "ours", [3000.0, 100_000.0, 1.0]),
            rates(Role::Limit, "slow limit", [1.0, 1.0, 1.0]),
            rates(Role::Limit, "limit", [6000.0, 6000.0, 6000.0]),
        ];
        let text = Table::new("race", "a second").compete(3, contestants).unwrap().to_string();
        assert!(text.contains("| ours | 3,000 | 0.50 |\n"), "{text}");
    }

    #[test]
    fn a_target_is_judged_and_who_has_no_notion_of_it_gets_a_dash() {
        let ours = rates(Role::Ours, "ours", [30.0; 3]);
        let contestants = vec![
            ours.reach(&[Target::AtLeast(20.0), Target::OfPeers(4.0), Target::OfLimit(0.9)]),
            rates(Role::Peer, "peer", [10.0; 3]),
            Contestant::without(Role::Peer, "other"),
        ];
        let text = Table::new("race", "a second").compete(3, contestants).unwrap().to_string();
        let judged =
            "| ours | 30 | 3.00 | ≥ 20: reached; ≥ 4 × peers: **missed**; ≥ 0.90 × limit |";
        assert!(text.contains(judged), "{text}");
        assert!(text.contains("| other | - | - | - |\n"), "{text}");
    }

    #[test]
    fn the_best_of_what_should_be_little_is_the_least() {
        let mut table = Table::new("disk", "bytes").less_is_better();
        table.add(Role::Ours, "ours", 300.0, &[Target::AtMost(390.0)]);
        table.add(Role::Peer, "small", 400.0, &[Target::AtMost(390.0)]);
        table.add(Role::Peer, "large", 500.0, &[]);
        let text = table.to_string();
        assert!(text.contains("| ours | 300 | 0.75 | ≤ 390: reached |\n"), "{text}");
        assert!(text.contains("| small | 400 | 1.00 |  |\n"), "{text}");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(
            [1.0, 123.0, 1234.4, 1_234_567.0].map(grouped),
            ["1", "123", "1,234", "1,234,567"]
        );
    }
}
