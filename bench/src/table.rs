//! One table of the report: the contestants of one workload, their medians and ratios.

use std::fmt;

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
        writeln!(f, "### {}\n", self.title)?;
        writeln!(f, "| | {} | × SQLite | × limit | p50 µs | p99 µs |", self.unit)?;
        writeln!(f, "|---|---:|---:|---:|---:|---:|")?;
        for row in &self.rows {
            let ratio = |role| ratio(row, self.best(role));
            let micros = |duration: std::time::Duration| match duration.as_nanos() {
                0 => "–".to_owned(),
                nanos if nanos < 10_000 => format!("{:.1}", nanos as f64 / 1000.0),
                nanos => format!("{}", nanos / 1000),
            };
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {} |",
                row.name,
                grouped(row.median),
                ratio(Role::Peer),
                ratio(Role::Limit),
                micros(row.measured.p50),
                micros(row.measured.p99),
            )?;
        }
        Ok(())
    }
}

fn ratio(row: &Row, other: Option<f64>) -> String {
    match other {
        Some(other) if other > 0.0 => format!("{:.2}", row.median / other),
        _ => "–".to_owned(),
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
        assert!(text.contains("| ours | 3,000 | – | 0.50 | – | – |"), "{text}");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(
            [1.0, 123.0, 1234.4, 1_234_567.0].map(grouped),
            ["1", "123", "1,234", "1,234,567"]
        );
    }
}
