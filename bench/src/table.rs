//! One table of the report: the contestants of one workload, their medians and ratios.

use std::fmt;
use std::time::Duration;

use crate::measure::Measured;

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
    pub(crate) rows: Vec<Row>,
}

/// One contestant.
#[derive(Debug)]
pub(crate) struct Row {
    name: String,
    role: Role,
    pub(crate) median: f64,
    measured: Measured,
}

/// A contestant: its role, its name, and one round of its work.
pub(crate) type Contestant<'a> = (Role, &'a str, Box<dyn FnMut() -> Outcome + 'a>);
/// One round, or why there is none.
pub(crate) type Outcome = Result<Measured, Box<dyn std::error::Error>>;

impl Table {
    pub(crate) fn new(title: impl Into<String>, unit: &'static str) -> Self {
        Self { title: title.into(), unit, rows: Vec::new() }
    }

    /// Lets all contestants run in turns, so that a slow moment of the machine hits all of them.
    pub(crate) fn compete(
        mut self,
        rounds: usize,
        mut contestants: Vec<Contestant<'_>>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let mut results = vec![Vec::new(); contestants.len()];
        for _ in 0..rounds.max(1) {
            for ((_, _, round), results) in contestants.iter_mut().zip(&mut results) {
                results.push(round()?);
            }
        }
        for ((role, name, _), results) in contestants.into_iter().zip(results) {
            self.add(role, name, median(results));
        }
        Ok(self)
    }

    pub(crate) fn add(&mut self, role: Role, name: &str, measured: Measured) {
        let name = name.to_owned();
        self.rows.push(Row { name, role, median: measured.rate, measured });
    }

    fn best(&self, role: Role) -> Option<f64> {
        let of_role = self.rows.iter().filter(|row| row.role == role);
        of_role.map(|row| row.median).reduce(f64::max)
    }
}

fn median(mut results: Vec<Measured>) -> Measured {
    results.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    results.swap_remove(results.len() / 2)
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.columns();
        let heads = columns.iter().map(|(head, _)| *head).collect::<Vec<_>>().join(" | ");
        writeln!(f, "### {}\n\n| | {heads} |\n|---|{}", self.title, "---:|".repeat(columns.len()))?;
        for row in &self.rows {
            let cells = columns.iter().map(|(_, cell)| cell(row)).collect::<Vec<_>>().join(" | ");
            writeln!(f, "| {} | {cells} |", row.name)?;
        }
        Ok(())
    }
}

/// The head of a column, and what it says about a row.
type Column<'a> = (&'a str, Box<dyn Fn(&Row) -> String + 'a>);

impl Table {
    /// Only the columns that have something to say.
    fn columns(&self) -> Vec<Column<'_>> {
        let mut columns: Vec<Column<'_>> = vec![(self.unit, Box::new(|row| grouped(row.median)))];
        for (head, role) in [("× SQLite", Role::Peer), ("× limit", Role::Limit)] {
            if let Some(best) = self.best(role) {
                columns.push((head, Box::new(move |row| format!("{:.2}", row.median / best))));
            }
        }
        if self.rows.iter().any(|row| !row.measured.p50.is_zero()) {
            columns.push(("p50 µs", Box::new(|row| micros(row.measured.p50))));
        }
        if self.rows.iter().any(|row| !row.measured.p99.is_zero()) {
            columns.push(("p99 µs", Box::new(|row| micros(row.measured.p99))));
        }
        columns
    }
}

fn micros(duration: Duration) -> String {
    match duration.as_nanos() {
        nanos if nanos < 10_000 => format!("{:.1}", nanos as f64 / 1000.0),
        nanos => grouped(nanos as f64 / 1000.0),
    }
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

    #[test]
    fn the_median_counts_and_ratios_are_against_the_best_of_a_role() {
        let rates = |rates: [f64; 3]| {
            let mut rates = rates.into_iter().map(|rate| Measured { rate, ..Measured::default() });
            Box::new(move || Ok(rates.next().expect("three rounds")))
        };
        let contestants: Vec<Contestant<'_>> = vec![
            (Role::Ours, "ours", rates([3000.0, 100_000.0, 1.0])),
            (Role::Limit, "slow limit", rates([1.0, 1.0, 1.0])),
            (Role::Limit, "limit", rates([6000.0, 6000.0, 6000.0])),
        ];
        let table = Table::new("race", "a second").compete(3, contestants).unwrap();
        let text = table.to_string();
        assert!(text.contains("| ours | 3,000 | 0.50 |\n"), "{text}");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(
            [1.0, 123.0, 1234.4, 1_234_567.0].map(grouped),
            ["1", "123", "1,234", "1,234,567"]
        );
    }
}
