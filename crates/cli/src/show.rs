//! `hitherto show`: what a stream's events add up to, now or at any point of its past.

use std::io::Write;
use std::path::PathBuf;

use hitherto::Moment;
use hitherto_store::{Position, Recorded};
use serde::Serialize;

use crate::engine::KeysArgument;
use crate::failure::{Failure, Outcome};
use crate::fold::{Folded, Rules, Value};
use crate::history::History;
use crate::print::{self, EventPrinter, Format, FormatArguments, Table};
use crate::{moment, place, point};

const EXAMPLES: &str = "\
Examples:
  hitherto show bank account-ACC-001
  hitherto show bank account-ACC-001 --at 2026-01-04T12:00Z
  hitherto show bank account-ACC-001 --version 3 --events

Each field shows the last value that an event gave it, unless a rule says otherwise: see
`hitherto rules --help`. STORE may be left out where HITHERTO_STORE names it, or one *.hitherto is
in this directory.";

/// Shows what a stream's events add up to, now or in the past
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "hitherto show [OPTIONS] [STORE] <STREAM>")]
pub(crate) struct Arguments {
    /// The store's directory, and the stream
    #[arg(required = true, num_args = 1..=2, value_name = "STREAM")]
    names: Vec<String>,

    /// The events up to there, one by one, and not what they add up to
    #[arg(long)]
    events: bool,

    /// Rules in this file instead of those registered with the store
    #[arg(long, value_name = "FILE", conflicts_with = "events")]
    rules: Option<PathBuf>,

    #[command(flatten)]
    keys: KeysArgument,

    #[command(flatten)]
    format: FormatArguments,

    #[command(flatten)]
    when: WhenArguments,
}

/// At which point of the past; without any of them, now.
#[derive(clap::Args, Clone, Copy)]
#[group(multiple = false)]
#[command(next_help_heading = "When")]
struct WhenArguments {
    /// After all that was recorded at this time or before: RFC 3339, a day, or how long ago (2h)
    #[arg(long, value_name = "TIME", value_parser = point::parse)]
    at: Option<Moment>,

    /// At this version of the stream
    #[arg(long)]
    version: Option<u64>,

    /// After the event at this position of the store
    #[arg(long)]
    position: Option<u64>,
}

impl WhenArguments {
    fn point(self) -> Option<Moment> {
        let position = self.position.map(|position| Moment::Position(Position(position)));
        self.at.or(self.version.map(Moment::Version)).or(position)
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let (store, stream) = place::store_and(&arguments.names)?;
    let history = History::open(&store, &arguments.keys, stream)?;
    let point = arguments.when.point();
    point.map_or(Ok(()), |point| history.check(point))?;
    let format = arguments.format.choose();
    if arguments.events {
        return events(&history, point, format);
    }
    let rules = Rules::load(&store, arguments.rules.as_deref())?;
    let folded = history.folded(point, &rules)?;
    match format {
        Format::Table => table(&history, &folded)?,
        Format::Json => json(&history, &folded)?,
    }
    Ok(Outcome::Done)
}

fn events(history: &History, point: Option<Moment>, format: Format) -> Result<Outcome, Failure> {
    let mut printer = EventPrinter::new(format);
    for event in history.up_to(point) {
        match event {
            Ok(event) => printer.event(&event)?,
            Err(error) => {
                printer.flush()?;
                return Err(error.into());
            }
        }
    }
    printer.flush()?;
    Ok(Outcome::Done)
}

fn table(history: &History, folded: &Folded) -> Result<(), Failure> {
    let mut out = print::styled_stdout();
    writeln!(out, "{}\n", print::bold(where_it_stands(history, folded)))?;
    let mut table = Table::new(&mut out, &["field", "value", "since"]);
    for (path, value) in folded.leaves() {
        let since = folded
            .changed_by(&path)
            .map(|change| format!("version {}, {}", change.version, change.kind));
        table.row(&[path, value.for_people(), since.unwrap_or_default()])?;
    }
    table.flush()?;
    for note in notes(history, folded) {
        writeln!(out, "\n{}", print::dim(note))?;
    }
    out.flush()?;
    Ok(())
}

fn where_it_stands(history: &History, folded: &Folded) -> String {
    let Some(last) = &folded.last else { return history.stream.clone() };
    let (version, newest) = (last.version(), history.last.version());
    let of = if version == newest { String::new() } else { format!(" of {newest}") };
    let (position, time) = (last.position(), moment::briefly(last.recorded_at()));
    format!("{} at version {version}{of}, position {position}, {time}", history.stream)
}

/// What must be known to read the fields rightly.
pub(crate) fn notes(history: &History, folded: &Folded) -> Vec<String> {
    let mut notes = folded.troubles.clone();
    if history.first.version() > 1 {
        let kept = history.first.version();
        notes.push(format!(
            "what is kept begins with version {kept}: fields that only earlier events set are missing"
        ));
    }
    let unruled = folded.unruled_numbers();
    if let Some((kind, field)) = unruled.first() {
        let names = unruled.iter().map(|(kind, field)| format!("{kind} {field}"));
        let names = names.collect::<Vec<_>>().join(", ");
        let store = &history.path;
        notes.push(format!(
            "Shown by the last value, and not added up: {names}.\nTo add up: hitherto rules {store} {kind} \
             {field} add --into FIELD"
        ));
    }
    notes
}

/// A state as a line of JSON.
#[derive(Serialize)]
struct StateLine<'a> {
    stream: &'a str,
    version: u64,
    newest_version: u64,
    position: u64,
    time: String,
    events: u64,
    state: &'a Value,
    notes: Vec<String>,
}

fn json(history: &History, folded: &Folded) -> Result<(), Failure> {
    let last = folded.last.as_ref();
    let line = StateLine {
        stream: &history.stream,
        version: last.map_or(0, Recorded::version),
        newest_version: history.last.version(),
        position: last.map_or(0, |last| last.position().0),
        time: last.map_or_else(String::new, |last| moment::exactly(last.recorded_at())),
        events: folded.events,
        state: &folded.state,
        notes: notes(history, folded),
    };
    let mut out = print::stdout();
    print::json_line(&mut out, &line)?;
    out.flush()?;
    Ok(())
}
