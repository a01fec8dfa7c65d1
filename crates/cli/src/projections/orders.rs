//! Parked events: looking at them, trying them again, letting them go.

use std::io::{self, Write as _};

use hitherto::runner::{Order, Parked};
use hitherto_store::{Error, Position};
use serde::Serialize;

use super::{FormatArguments, One, place};
use crate::failure::{Failure, Outcome};
use crate::moment;
use crate::print::{self, Format, Table};

/// Lists the events that could not be handled, and what waits behind them
#[derive(clap::Args)]
pub(super) struct ParkedArguments {
    #[command(flatten)]
    one: One,

    /// Of this version; without it, of the one that is read
    #[arg(long)]
    version: Option<u32>,

    #[command(flatten)]
    format: FormatArguments,
}

/// Leaves an order for a parked event: carried out by whoever runs the projection
#[derive(clap::Args)]
pub(super) struct OrderArguments {
    #[command(flatten)]
    one: One,

    /// The event's position
    #[arg(required_unless_present = "all")]
    position: Option<u64>,

    /// All events that could not be handled
    #[arg(long, conflicts_with = "position")]
    all: bool,

    /// Of this version; without it, of the one that is read
    #[arg(long)]
    version: Option<u32>,
}

#[derive(Serialize)]
struct Line<'a> {
    position: u64,
    kind: &'a str,
    key: &'a str,
    attempts: u32,
    since: String,
    order: Option<&'static str>,
    error: &'a str,
}

pub(super) fn parked(arguments: &ParkedArguments) -> Result<Outcome, Failure> {
    let place = place::open(&arguments.one.place)?;
    let parked = place.parked(&arguments.one.name, arguments.version)?;
    let lines = parked.iter().map(|parked| Line {
        position: parked.position.0,
        kind: &parked.kind,
        key: &parked.key,
        attempts: parked.attempts,
        since: moment::briefly(parked.since),
        order: parked.order.map(Order::as_str),
        error: &parked.error,
    });
    match arguments.format.choose() {
        Format::Json => json(lines)?,
        Format::Table => table(lines)?,
    }
    Ok(Outcome::Done)
}

fn json<'a>(mut lines: impl Iterator<Item = Line<'a>>) -> io::Result<()> {
    let mut out = print::stdout();
    lines.try_for_each(|line| print::json_line(&mut out, &line))?;
    out.flush()
}

fn table<'a>(lines: impl Iterator<Item = Line<'a>>) -> io::Result<()> {
    let titles = [">position", "kind", "key", ">attempts", "since", "order", "error"];
    let mut table = Table::new(print::stdout(), &titles);
    for line in lines {
        table.row(&[
            line.position.to_string(),
            line.kind.to_owned(),
            line.key.to_owned(),
            line.attempts.to_string(),
            line.since,
            line.order.unwrap_or("-").to_owned(),
            line.error.to_owned(),
        ])?;
    }
    table.flush()
}

pub(super) fn order(arguments: &OrderArguments, order: Order) -> Result<Outcome, Failure> {
    let (one, version) = (&arguments.one, arguments.version);
    let place = place::open(&one.place)?;
    let positions = match arguments.position {
        Some(position) => vec![Position(position)],
        None => failed(&place.parked(&one.name, version)?),
    };
    if positions.is_empty() {
        return Err(Error::not_found(format!("{}: nothing is parked", one.name)).into());
    }
    for position in &positions {
        place.order(&one.name, version, *position, order)?;
    }
    let mut out = print::stdout();
    let events = print::counted(positions.len() as u64, "event");
    writeln!(out, "{order} is ordered for {events}; whoever runs {} does it", one.name)?;
    out.flush()?;
    Ok(Outcome::Done)
}

/// Those that were tried: what waits behind them follows by itself.
fn failed(parked: &[Parked]) -> Vec<Position> {
    parked.iter().filter(|parked| parked.attempts > 0).map(|parked| parked.position).collect()
}
