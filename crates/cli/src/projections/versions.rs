//! Versions of read models: comparing them, switching, going back.

use std::io::Write as _;

use hitherto::projection::{Comparison, TableDifference, Value};
use serde_json::json;

use super::{FormatArguments, One, place};
use crate::failure::{Failure, Outcome};
use crate::print::{self, Format, counted};

/// Compares the version that is read with one beside it, row by row; exit code 1 if they differ
#[derive(clap::Args)]
pub(super) struct CompareArguments {
    #[command(flatten)]
    one: One,

    /// With this version; without it, with the newest
    #[arg(long)]
    version: Option<u32>,

    #[command(flatten)]
    format: FormatArguments,
}

/// Makes a version that stands beside the one that is read
#[derive(clap::Args)]
pub(super) struct SwitchArguments {
    #[command(flatten)]
    one: One,

    /// This version; without it, the newest
    #[arg(long)]
    version: Option<u32>,
}

/// Goes back to the version that was read before
#[derive(clap::Args)]
pub(super) struct RollBackArguments {
    #[command(flatten)]
    one: One,
}

pub(super) fn compare(arguments: &CompareArguments) -> Result<Outcome, Failure> {
    let models = place::read_models(&arguments.one.place)?;
    let compared = models.compare(&arguments.one.name, arguments.version)?;
    let mut out = print::stdout();
    match arguments.format.choose() {
        Format::Json => print::json_line(&mut out, &as_json(&compared))?,
        Format::Table => {
            let Comparison { live, live_position, beside, beside_position, .. } = &compared;
            writeln!(out, "version {live} at position {live_position}, which is read")?;
            writeln!(out, "version {beside} at position {beside_position}")?;
            for table in &compared.tables {
                print_table(&mut out, table)?;
            }
        }
    }
    out.flush()?;
    Ok(if compared.is_same() { Outcome::Done } else { Outcome::No })
}

fn print_table(out: &mut impl std::io::Write, table: &TableDifference) -> std::io::Result<()> {
    let verdict = if table.is_same() { "the same" } else { "different" };
    let (live, beside) = (counted(table.live_rows, "row"), counted(table.beside_rows, "row"));
    writeln!(out, "\n{}: {verdict} ({live}, {beside} beside)", table.table)?;
    if !table.other_columns.is_empty() {
        writeln!(out, "  columns of one version only: {}", table.other_columns.join(", "))?;
    }
    let examples = |out: &mut dyn std::io::Write, sign: &str, count: u64, rows: &[Vec<Value>]| {
        for row in rows {
            let cells = row.iter().map(text).collect::<Vec<_>>().join(", ");
            writeln!(out, "  {sign} {cells}")?;
        }
        match count.saturating_sub(rows.len() as u64) {
            0 => Ok(()),
            more => writeln!(out, "  {sign} … {more} more"),
        }
    };
    examples(out, "-", table.only_live, &table.live_examples)?;
    examples(out, "+", table.only_beside, &table.beside_examples)
}

fn as_json(compared: &Comparison) -> serde_json::Value {
    let rows = |rows: &[Vec<Value>]| {
        rows.iter().map(|row| row.iter().map(value).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let table = |table: &TableDifference| {
        json!({
            "table": table.table,
            "same": table.is_same(),
            "other_columns": table.other_columns,
            "live_rows": table.live_rows,
            "beside_rows": table.beside_rows,
            "only_live": table.only_live,
            "only_beside": table.only_beside,
            "live_examples": rows(&table.live_examples),
            "beside_examples": rows(&table.beside_examples),
        })
    };
    json!({
        "live": compared.live,
        "live_position": compared.live_position.0,
        "beside": compared.beside,
        "beside_position": compared.beside_position.0,
        "same": compared.is_same(),
        "tables": compared.tables.iter().map(table).collect::<Vec<_>>(),
    })
}

fn value(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => json!(null),
        Value::Bool(yes) => json!(yes),
        Value::Integer(number) => json!(number),
        Value::Real(number) => json!(number),
        Value::Text(text) => json!(text),
        Value::Blob(bytes) => json!(format!("{} bytes", bytes.len())),
    }
}

fn text(of: &Value) -> String {
    match value(of) {
        serde_json::Value::String(text) => text.chars().filter(|c| !c.is_control()).collect(),
        other => other.to_string(),
    }
}

pub(super) fn switch(arguments: &SwitchArguments) -> Result<Outcome, Failure> {
    let models = place::read_models(&arguments.one.place)?;
    let version = models.switch(&arguments.one.name, arguments.version)?;
    told(&arguments.one.name, version)
}

pub(super) fn roll_back(arguments: &RollBackArguments) -> Result<Outcome, Failure> {
    let models = place::read_models(&arguments.one.place)?;
    let version = models.roll_back(&arguments.one.name)?;
    told(&arguments.one.name, version)
}

fn told(name: &str, version: u32) -> Result<Outcome, Failure> {
    let mut out = print::stdout();
    writeln!(out, "version {version} of {name} is read from now on")?;
    out.flush()?;
    Ok(Outcome::Done)
}
