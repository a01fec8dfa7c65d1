//! `hitherto diff`: which fields of a stream changed between two points, and by which events.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use hitherto::Moment;
use hitherto_store::{Error, Recorded};
use serde::Serialize;

use crate::engine::KeysArgument;
use crate::failure::{Failure, Outcome};
use crate::fold::{Folded, Rules, Value};
use crate::history::History;
use crate::line::{self, Line};
use crate::print::{self, Format, FormatArguments, Table};
use crate::{moment, place, point, show};

const EXAMPLES: &str = "\
Examples:
  hitherto diff bank account-ACC-001
  hitherto diff bank account-ACC-001 --to v3
  hitherto diff bank account-ACC-001 --from v1 --to v3
  hitherto diff bank account-ACC-001 --from 2026-01-01 --to 2026-02-01T12:00Z
  hitherto diff bank account-ACC-001 --from v0 --to p120

A POINT is v3 for version 3 of the stream, p12 for position 12 of the store, or a time: RFC 3339, a
day, or how long ago (2h). v0 is before anything happened. Fields are added up as `show` does.
STORE may be left out where HITHERTO_STORE names it, or one *.hitherto is in this directory.";

const ADDED: Style = AnsiColor::Green.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();
const CHANGED: Style = AnsiColor::Yellow.on_default();

/// Shows which fields of a stream changed between two points of its past, and by which events
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "hitherto diff [OPTIONS] [STORE] <STREAM>")]
pub(crate) struct Arguments {
    /// The store's directory, and the stream
    #[arg(required = true, num_args = 1..=2, value_name = "STREAM")]
    names: Vec<String>,

    /// From this point on; without it, from the version before the other point
    #[arg(long, value_name = "POINT", value_parser = point::parse)]
    from: Option<Moment>,

    /// Up to this point; without it, until now
    #[arg(long, value_name = "POINT", value_parser = point::parse)]
    to: Option<Moment>,

    /// Rules in this file instead of those registered with the store
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,

    #[command(flatten)]
    keys: KeysArgument,

    #[command(flatten)]
    format: FormatArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let (store, stream) = place::store_and(&arguments.names)?;
    let history = History::open(&store, &arguments.keys, stream)?;
    let rules = Rules::load(&store, arguments.rules.as_deref())?;
    arguments.to.map_or(Ok(()), |to| history.check(to))?;
    let from = match arguments.from {
        Some(Moment::Version(0)) => 0,
        Some(from) => {
            history.check(from)?;
            version_at(&history, from)?
        }
        None => version_at(&history, arguments.to.unwrap_or(newest(&history)))? - 1,
    };
    let difference = Difference::between(&history, from, arguments.to, &rules)?;
    match arguments.format.choose() {
        Format::Table => table(&history, &difference)?,
        Format::Json => json(&history, &difference)?,
    }
    Ok(Outcome::Done)
}

fn newest(history: &History) -> Moment {
    Moment::Version(history.last.version())
}

/// At which version the stream was, at a point that it has come to.
fn version_at(history: &History, point: Moment) -> Result<u64, Error> {
    if let Moment::Version(version) = point {
        return Ok(version);
    }
    Ok(history.newest_up_to(point)?.map_or(0, |event: Recorded| event.version()))
}

/// Two states of a stream, and the events between them.
struct Difference {
    before: Folded,
    after: Folded,
    events: Vec<Recorded>,
}

impl Difference {
    fn between(
        history: &History,
        from: u64,
        to: Option<Moment>,
        rules: &Rules,
    ) -> Result<Self, Error> {
        let mut before = Folded::new();
        let mut after = Folded::new();
        let mut events = Vec::new();
        for event in history.up_to(to) {
            let event = event?;
            after.apply(&event, rules);
            if event.version() <= from {
                before.apply(&event, rules);
            } else {
                events.push(event);
            }
        }
        let reached = after.last.as_ref().map_or(0, Recorded::version);
        if reached < from {
            return Err(Error::invalid(format!(
                "the first point is version {from}, the second is version {reached}, before it: swap \
                 --from and --to"
            )));
        }
        Ok(Self { before, after, events })
    }

    /// The fields that are not the same, with what they were and are.
    fn fields(&self) -> Vec<FieldLine<'_>> {
        let before: BTreeMap<_, _> = self.before.leaves().into_iter().collect();
        let after: BTreeMap<_, _> = self.after.leaves().into_iter().collect();
        let paths: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let fields = paths.into_iter().map(|path| {
            let (before, after) = (before.get(path).copied(), after.get(path).copied());
            FieldLine { field: path.clone(), before, after }
        });
        fields.filter(|field| field.before != field.after).collect()
    }
}

/// A field that changed.
#[derive(Serialize)]
struct FieldLine<'a> {
    field: String,
    before: Option<&'a Value>,
    after: Option<&'a Value>,
}

impl FieldLine<'_> {
    /// How the change is marked and coloured.
    fn mark(&self) -> (&'static str, Style) {
        match (self.before, self.after) {
            (None, _) => ("+", ADDED),
            (_, None) => ("-", REMOVED),
            _ => ("~", CHANGED),
        }
    }
}

fn table(history: &History, difference: &Difference) -> Result<(), Failure> {
    let mut out = print::styled_stdout();
    let [from, to] = [&difference.before, &difference.after].map(told);
    let title = format!("{} from {from}\n{} to   {to}", history.stream, history.stream);
    writeln!(out, "{}\n", print::bold(title))?;
    let fields = difference.fields();
    if fields.is_empty() {
        writeln!(out, "no field changed")?;
    } else {
        let mut table = Table::new(&mut out, &["", "field", "before", "after"]);
        for field in &fields {
            let (mark, style) = field.mark();
            let shown = |value: Option<&Value>| value.map(Value::for_people).unwrap_or_default();
            let (before, after) = (shown(field.before), shown(field.after));
            table.styled_row(style, &[mark.into(), field.field.clone(), before, after])?;
        }
        table.flush()?;
    }
    writeln!(out)?;
    events_table(&mut out, &difference.events)?;
    for note in show::notes(history, &difference.after) {
        writeln!(out, "\n{}", print::dim(note))?;
    }
    out.flush()?;
    Ok(())
}

fn events_table(out: &mut impl Write, events: &[Recorded]) -> std::io::Result<()> {
    if events.is_empty() {
        return writeln!(out, "no event is between them");
    }
    let mut table = Table::new(out, &[">version", ">position", "time", "kind", "data"]);
    for event in events {
        table.row(&[
            event.version().to_string(),
            event.position().to_string(),
            moment::briefly(event.recorded_at()),
            event.kind().to_owned(),
            line::for_people(event),
        ])?;
    }
    table.flush()
}

fn told(folded: &Folded) -> String {
    match &folded.last {
        Some(last) => format!(
            "version {}, position {}, {}",
            last.version(),
            last.position(),
            moment::briefly(last.recorded_at())
        ),
        None => "version 0, before anything happened".to_owned(),
    }
}

#[derive(Serialize)]
struct DifferenceLine<'a> {
    stream: &'a str,
    from_version: u64,
    to_version: u64,
    fields: Vec<FieldLine<'a>>,
    events: Vec<Line<'a>>,
    notes: Vec<String>,
}

fn json(history: &History, difference: &Difference) -> Result<(), Failure> {
    let version = |folded: &Folded| folded.last.as_ref().map_or(0, Recorded::version);
    let line = DifferenceLine {
        stream: &history.stream,
        from_version: version(&difference.before),
        to_version: version(&difference.after),
        fields: difference.fields(),
        events: difference.events.iter().map(Line::of).collect(),
        notes: show::notes(history, &difference.after),
    };
    let mut out = print::stdout();
    print::json_line(&mut out, &line)?;
    out.flush()?;
    Ok(())
}
