//! The table of projections: once, or again every second.

use std::collections::HashMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hitherto::projection::Standing;
use hitherto::runner::{State, Status, prometheus};
use hitherto_store::{
    Clock as _, EmbeddedStore, Error, EventStore as _, Position, Query, SystemClock,
};
use serde::Serialize;

use super::FormatArguments;
use super::place::{self, Place, Standings};
use crate::failure::{Failure, Outcome};
use crate::print::{self, Format, Table, grouped};
use crate::{engine, moment};

/// How often the table is drawn anew.
const EVERY: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub(super) struct ListArguments {
    /// The SQLite file, the address of a PostgreSQL database, or the directory with checkpoints
    place: Option<PathBuf>,

    /// The store that is followed: how far behind it they are is only known with it
    #[arg(long)]
    store: Option<PathBuf>,

    /// Print it once; so it is done too if standard output is no terminal
    #[arg(long)]
    once: bool,

    /// Print it once, in the text format of Prometheus
    #[arg(long)]
    prometheus: bool,

    #[command(flatten)]
    format: FormatArguments,
}

/// What is printed of one version.
#[derive(Serialize)]
struct Line {
    name: String,
    version: Option<u32>,
    state: &'static str,
    position: u64,
    lag_events: Option<u64>,
    lag_seconds: Option<f64>,
    /// Events a second, since it was looked at last.
    rate: Option<f64>,
    handled: u64,
    errors: u64,
    parked: u64,
    partitions: u32,
    updated_at: Option<String>,
}

/// What was handled, when it was looked at last.
type Before = HashMap<(String, Option<u32>), (Instant, u64)>;

pub(super) fn run(arguments: &ListArguments) -> Result<Outcome, Failure> {
    let missing = || Error::invalid("name a PLACE: hitherto projections read.db");
    let path = arguments.place.as_deref().ok_or_else(missing)?;
    let store = arguments.store.as_deref().map(engine::open_read_only).transpose()?;
    let format = arguments.format.choose();
    let is_live = !arguments.once && format == Format::Table && io::stdout().is_terminal();
    let mut before = Before::new();
    loop {
        let place = place::open(path)?;
        let lines = lines(&place, store.as_ref(), &mut before)?;
        if arguments.prometheus {
            let statuses = lines.iter().filter_map(status).collect::<Vec<_>>();
            print::stdout().write_all(prometheus(&statuses).as_bytes())?;
            return Ok(Outcome::Done);
        }
        if is_live {
            print::stdout().write_all(b"\x1b[H\x1b[J")?; // begins at the top, on a clean screen
        }
        print(format, &lines)?;
        if !is_live {
            return Ok(Outcome::Done);
        }
        std::thread::park_timeout(EVERY);
    }
}

fn lines(
    place: &Place,
    store: Option<&EmbeddedStore>,
    before: &mut Before,
) -> Result<Vec<Line>, Failure> {
    place.list()?.into_iter().map(|standings| line(standings, store, before)).collect()
}

fn line(
    standings: Standings,
    store: Option<&EmbeddedStore>,
    before: &mut Before,
) -> Result<Line, Failure> {
    let (mut lag_events, mut lag_seconds) = (None, None);
    if let Some(store) = store {
        let head = store.head().wait()?;
        lag_events = Some(head.0.saturating_sub(standings.position.0));
        lag_seconds = Some(seconds_behind(store, standings.position)?);
    }
    let now = (Instant::now(), standings.handled);
    let key = (standings.name.clone(), standings.version);
    let rate = before.insert(key, now).map(|(at, handled)| {
        now.1.saturating_sub(handled) as f64 / at.elapsed().as_secs_f64().max(0.001)
    });
    Ok(Line {
        state: state(standings.standing, lag_events),
        name: standings.name,
        version: standings.version,
        position: standings.position.0,
        lag_events,
        lag_seconds,
        rate,
        handled: standings.handled,
        errors: standings.errors,
        parked: standings.parked,
        partitions: standings.partitions,
        updated_at: standings.updated_at.map(moment::briefly),
    })
}

/// For how long the first event that is not handled has been waiting.
fn seconds_behind(store: &EmbeddedStore, position: Position) -> Result<f64, Failure> {
    match store.read(Query::all().after(position).limit(1)).next() {
        Some(event) => Ok(event?.recorded_at().until(SystemClock.now()).as_secs_f64()),
        None => Ok(0.0),
    }
}

fn state(standing: Standing, lag_events: Option<u64>) -> &'static str {
    match (standing, lag_events) {
        (Standing::Live, Some(0)) => "live",
        (Standing::Live, Some(_)) => "catching up",
        (Standing::Live, None) => "read",
        (Standing::Building, _) => "building",
        (Standing::Held, _) => "held",
        _ => "before",
    }
}

/// As a follower that runs says it of itself; nothing for a version that is only kept.
fn status(line: &Line) -> Option<Status> {
    let state = match line.state {
        "before" => return None,
        "building" => State::Building,
        "held" => State::Ready,
        "catching up" => State::CatchingUp,
        _ => State::Live,
    };
    let position = Position(line.position);
    Some(Status {
        name: line.name.clone(),
        version: line.version.unwrap_or(1),
        state,
        position,
        head: Position(line.position + line.lag_events.unwrap_or(0)),
        lag: Duration::try_from_secs_f64(line.lag_seconds.unwrap_or(0.0)).unwrap_or_default(),
        rate: 0.0,
        time_left: None,
        handled: line.handled,
        errors: line.errors,
        last_error: None,
        parked: line.parked,
        partitions: line.partitions,
    })
}

fn print(format: Format, lines: &[Line]) -> io::Result<()> {
    let mut out = print::stdout();
    if format == Format::Json {
        lines.iter().try_for_each(|line| print::json_line(&mut out, line))?;
        return out.flush();
    }
    if lines.is_empty() {
        writeln!(out, "no projection is kept here")?;
        return out.flush();
    }
    let titles = [
        "name",
        ">version",
        "state",
        ">position",
        ">lag",
        ">seconds",
        ">rate",
        ">errors",
        ">parked",
        "updated",
    ];
    let mut table = Table::new(out, &titles);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    for line in lines {
        table.row(&[
            line.name.clone(),
            or_dash(line.version.map(|version| version.to_string())),
            line.state.to_owned(),
            grouped(line.position),
            or_dash(line.lag_events.map(grouped)),
            or_dash(line.lag_seconds.map(|seconds| format!("{seconds:.1}"))),
            or_dash(line.rate.map(|rate| format!("{rate:.0}/s"))),
            grouped(line.errors),
            grouped(line.parked),
            or_dash(line.updated_at.clone()),
        ])?;
    }
    table.flush()
}
