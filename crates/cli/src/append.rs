//! `hitherto append`: one event from the arguments, or many from standard input.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use hitherto_store::{
    Append, Error, EventId, ExpectedVersion, NewEvent, Position, Result as StoreResult, Saved, Tag,
    limits,
};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::engine::{self, KeysArgument};
use crate::failure::{Failure, Outcome};
use crate::print::{Format, FormatArguments};
use crate::query::Alternatives;
use crate::{import, print};

const EXAMPLES: &str = "\
Examples:
  hitherto append bank account-1 AccountOpened '{\"initial_deposit\":1000}' --expect none
  hitherto append bank account-1 MoneyDeposited '{\"amount\":500}' --expect 1 --tag customer:7
  hitherto append school - SeatTaken '{}' --tag course:7 --unless-tag course:7 --after 17
  hitherto export bank | hitherto append copy --from-stdin

A STORE that is not there is created. Repeating an append with the same --id stores nothing twice.";

/// Appends an event, durably
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The store's directory; it is created if it is not there
    store: PathBuf,

    /// The stream, category and id joined by `-`; a single `-` for an event that belongs to none
    #[arg(required_unless_present = "from_stdin")]
    stream: Option<String>,

    /// What happened, in the past tense
    #[arg(required_unless_present = "from_stdin")]
    kind: Option<String>,

    /// What exactly happened
    #[arg(value_name = "JSON", default_value = "{}", value_parser = json)]
    data: String,

    /// Reads events from standard input, as `hitherto import` does
    #[arg(long, conflicts_with_all = ["stream", "kind", "data", "tag", "id"])]
    from_stdin: bool,

    /// At most so many events in one commit (with --from-stdin)
    #[arg(long, value_name = "LINES", default_value_t = import::BATCH, requires = "from_stdin")]
    batch: NonZeroUsize,

    /// How the stream must look: any, none (nothing happened yet), exists, or its exact version
    #[arg(long, value_name = "any|none|exists|VERSION", value_parser = expected)]
    #[arg(default_value = "any", hide_default_value = true)]
    expect: ExpectedVersion,

    #[command(flatten)]
    keys: KeysArgument,

    #[command(flatten)]
    format: FormatArguments,

    #[command(flatten)]
    event: EventArguments,

    #[command(flatten)]
    unless: Alternatives<true>,

    /// The position up to which you have seen everything [default: 0]
    #[arg(long, value_name = "POSITION", help_heading = "Unless there are events")]
    after: Option<u64>,
}

#[derive(clap::Args)]
#[command(next_help_heading = "About the event")]
struct EventArguments {
    /// What it can be found by; may be given several times
    #[arg(long, value_name = "KEY:VALUE")]
    tag: Vec<String>,

    /// Its own id; without it, a new one
    #[arg(long, value_name = "UUID")]
    id: Option<EventId>,

    /// What is known about the circumstances
    #[arg(long, value_name = "JSON", value_parser = json)]
    metadata: Option<String>,

    /// The version of the shape of its data
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    schema_version: u16,

    /// The id that all events of one story have in common
    #[arg(long, value_name = "UUID")]
    correlation: Option<EventId>,

    /// The event that made this one happen
    #[arg(long, value_name = "UUID")]
    causation: Option<EventId>,
}

pub(crate) fn run(arguments: Arguments) -> Result<Outcome, Failure> {
    let format = arguments.format.choose();
    if arguments.from_stdin {
        return import::from_stdin(&arguments.store, &arguments.keys, arguments.batch, format);
    }
    let stream = arguments.stream.filter(|name| name != "-");
    let kind = arguments.kind.expect("it is required without --from-stdin");
    let event = arguments.event.into_event(kind, arguments.data);
    let id = event.id;
    let place = stream.clone().map_or_else(Append::without_stream, Append::to);
    let mut append = place.expect(arguments.expect).event(event);
    if !arguments.unless.is_empty() {
        let after = Position(arguments.after.unwrap_or(0));
        append = append.unless(arguments.unless.into_query(), after);
    } else if arguments.after.is_some() {
        let message = "--after needs a condition: say with --unless-stream, --unless-category, \
                       --unless-kind or --unless-tag what may not be there";
        return Err(Error::invalid(message).into());
    }
    check(&append, &arguments.keys)?;
    let store = engine::open_with_keys(&arguments.store, &arguments.keys)?;
    let saved = store.append(append)?;
    store.close()?;
    report(format, stream.as_deref(), id, &saved)?;
    Ok(Outcome::Done)
}

/// Before the store is opened, so that none is created for nothing.
fn check(append: &Append, keys: &KeysArgument) -> StoreResult<()> {
    if append.writes.iter().any(|w| w.stream.is_none() && w.expected != ExpectedVersion::Any) {
        return Err(Error::invalid("--expect needs a stream: what belongs to none has no version"));
    }
    // What is personal is judged by the vault, after it was sealed.
    if keys.keys.is_some() { Ok(()) } else { limits::check_append(append) }
}

impl EventArguments {
    fn into_event(self, kind: String, data: String) -> NewEvent {
        let mut event = NewEvent::json(kind, data).schema_version(self.schema_version);
        event.id = self.id.unwrap_or(event.id);
        event.tags = self.tag.into_iter().map(Tag::from).collect();
        event.metadata = self.metadata.unwrap_or_default().into();
        event.correlation = self.correlation;
        event.causation = self.causation;
        event
    }
}

/// What was stored, for programs.
#[derive(Serialize)]
struct Stored<'a> {
    position: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    id: String,
    repeated: bool,
}

fn report(format: Format, stream: Option<&str>, id: EventId, saved: &Saved) -> Result<(), Failure> {
    let mut out = print::stdout();
    let (position, version) = (saved.position.0, stream.map(|_| saved.version));
    let verb = if saved.repeated { "was stored before" } else { "stored" };
    let place = stream.map_or_else(String::new, |s| format!(", {s} version {}", saved.version));
    match format {
        Format::Table => writeln!(out, "{verb} at position {position}{place}, id {id}")?,
        Format::Json => {
            let (id, repeated) = (id.to_string(), saved.repeated);
            print::json_line(&mut out, &Stored { position, stream, version, id, repeated })?;
        }
    }
    Ok(out.flush()?)
}

fn json(text: &str) -> Result<String, String> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("it is not JSON: {error}; for example '{{\"amount\":500}}'")),
    }
}

fn expected(text: &str) -> Result<ExpectedVersion, String> {
    match text {
        "any" => Ok(ExpectedVersion::Any),
        "none" => Ok(ExpectedVersion::NoStream),
        "exists" => Ok(ExpectedVersion::StreamExists),
        number => number
            .parse()
            .map(ExpectedVersion::Exact)
            .map_err(|_| "write any, none, exists, or a version such as 3".to_owned()),
    }
}
