//! `hitherto import`: JSON lines become events, many in one commit, in the order of the lines.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use hitherto_store::{
    Append, Error, EventStore, Result as StoreResult, StreamWrite, Ticket, limits,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::engine::{self, Door, KeysArgument};
use crate::failure::{Failure, Outcome};
use crate::print::{Format, FormatArguments};
use crate::{line, print};

const EXAMPLES: &str = "\
Examples:
  hitherto import copy bank.jsonl
  hitherto export bank --category account | hitherto import copy
  echo '{\"stream\":\"account-1\",\"kind\":\"AccountOpened\",\"data\":{}}' | hitherto import bank

A line is an event as `export` prints it. Only `kind` must be there; position, version and time are
given anew. Lines that have an id are not stored twice: an import that stopped can be repeated.
A commit ends earlier where a stream comes back after another one, so that the order is kept.";

/// Lines in one commit, at most, if nobody says otherwise.
pub(crate) const BATCH: NonZeroUsize = NonZeroUsize::new(1_000).expect("it is not zero");

/// A line with the largest event, in base64 and with all its names, is shorter.
const LINE_BYTES_MAX: u64 = 16 << 20;
/// Bytes of one commit, about; a limit of memory, well below the store's own limit.
const COMMIT_BYTES_MAX: usize = 4 << 20;
/// Commits that are submitted and not yet durable: the store syncs many of them at once.
const UNDER_WAY_MAX: usize = 64;
/// Their bytes, about.
const UNDER_WAY_BYTES_MAX: usize = 16 << 20;

/// Appends events from JSON lines
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The store's directory; it is created if it is not there
    store: PathBuf,

    /// The file with one event a line; without it, or as `-`, standard input
    file: Option<PathBuf>,

    /// At most so many events in one commit
    #[arg(long, value_name = "LINES", default_value_t = BATCH)]
    batch: NonZeroUsize,

    #[command(flatten)]
    keys: KeysArgument,

    #[command(flatten)]
    format: FormatArguments,
}

pub(crate) fn run(arguments: Arguments) -> Result<Outcome, Failure> {
    let format = arguments.format.choose();
    let Some(path) = arguments.file.filter(|path| path.as_os_str() != "-") else {
        return from_stdin(&arguments.store, &arguments.keys, arguments.batch, format);
    };
    let failed =
        |error| Error::not_found(format!("{} cannot be read", path.display())).because(error);
    let file = File::open(&path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let progress = ProgressBar::new(bytes).with_style(style("{wide_bar} {percent}%"));
    let store = engine::open_with_keys(&arguments.store, &arguments.keys)?;
    import(store, BufReader::new(file), arguments.batch, progress, format)
}

/// Imports from standard input, whose length nobody knows.
pub(crate) fn from_stdin(
    store: &Path,
    keys: &KeysArgument,
    batch: NonZeroUsize,
    format: Format,
) -> Result<Outcome, Failure> {
    let store = engine::open_with_keys(store, keys)?;
    let progress = ProgressBar::no_length().with_style(style("{spinner} {bytes}"));
    import(store, BufReader::new(io::stdin()), batch, progress, format)
}

/// Drawn on standard error, and only if that is a terminal.
fn style(template: &str) -> ProgressStyle {
    let template = format!("{template}  {{binary_bytes_per_sec}}  {{msg}}");
    ProgressStyle::with_template(&template).expect("the templates are right")
}

fn import(
    store: Door,
    input: impl BufRead,
    batch: NonZeroUsize,
    progress: ProgressBar,
    format: Format,
) -> Result<Outcome, Failure> {
    let mut import = Import::new(&*store, batch.get(), progress);
    let ended = import.all(input);
    import.progress.finish_and_clear();
    let tally = import.tally;
    ended.map_err(|error| tally.explain(&error))?;
    let head = store.head().wait()?.0;
    store.close()?;
    report(format, &tally, head)?;
    Ok(Outcome::Done)
}

fn report(format: Format, tally: &Tally, head: u64) -> io::Result<()> {
    let mut out = print::stdout();
    match format {
        Format::Table => writeln!(
            out,
            "{} stored, {} there before; the last position is {head}",
            print::counted(tally.stored, "event"),
            print::grouped(tally.repeated),
        )?,
        Format::Json => {
            let Tally { stored, repeated, .. } = *tally;
            print::json_line(&mut out, &Imported { stored, repeated, head })?;
        }
    }
    out.flush()
}

#[derive(Serialize)]
struct Imported {
    stored: u64,
    repeated: u64,
    head: u64,
}

/// What has become of the lines so far.
#[derive(Clone, Copy, Default)]
struct Tally {
    /// Events that were stored now.
    stored: u64,
    /// Events that an earlier import had stored.
    repeated: u64,
    /// The last line up to which everything is stored.
    stored_up_to_line: u64,
    /// Whether a commit failed, so that later ones do not count as "up to".
    has_gap: bool,
}

impl Tally {
    fn add(&mut self, commit: &Commit, is_stored: bool) {
        self.has_gap |= !is_stored;
        self.repeated += commit.lines.len() as u64 - commit.events;
        self.stored += if is_stored { commit.events } else { 0 };
        if let (false, Some(line)) = (self.has_gap, commit.lines.last()) {
            self.stored_up_to_line = *line;
        }
    }

    fn explain(&self, error: &Error) -> Error {
        let (line, count) = (self.stored_up_to_line, self.stored + self.repeated);
        let stored = match count {
            0 => "Nothing was stored: correct it and import again.".to_owned(),
            _ => format!(
                "{count} events are stored, all up to line {line} among them, and nothing of the \
                 commit with this line.\n  Correct it and import the same file again (a line that \
                 has an `id` is not stored twice), or go on after line {line}."
            ),
        };
        Error::new(error.kind(), format!("{error}\n  {stored}"))
    }
}

/// Lines that are committed together.
#[derive(Default)]
struct Commit {
    append: Append,
    /// New events in the append.
    events: u64,
    /// The numbers of its lines, also of those that were stored before.
    lines: Vec<u64>,
    bytes: usize,
}

impl Commit {
    /// A stream can be named once in an append; naming it later again would change the order.
    fn has_room_for(&self, write: &StreamWrite) -> bool {
        let mut earlier = self.append.writes.iter().rev();
        let is_last = earlier.next().is_none_or(|last| last.stream == write.stream);
        is_last || earlier.all(|earlier| earlier.stream != write.stream)
    }

    fn is_full(&self, batch: usize) -> bool {
        self.lines.len() >= batch.min(limits::APPEND_EVENTS_MAX)
            || self.append.writes.len() >= limits::APPEND_STREAMS_MAX
            || self.bytes >= COMMIT_BYTES_MAX
    }

    fn push(&mut self, write: StreamWrite) {
        self.events += 1;
        match self.append.writes.last_mut() {
            Some(last) if last.stream == write.stream => last.events.extend(write.events),
            _ => self.append.writes.push(write),
        }
    }

    fn named(&self) -> String {
        match (self.lines.first(), self.lines.last()) {
            (Some(first), Some(last)) if first != last => format!("lines {first} to {last}"),
            (first, _) => format!("line {}", first.unwrap_or(&0)),
        }
    }
}

struct Import<'a> {
    store: &'a dyn EventStore,
    batch: usize,
    progress: ProgressBar,
    tally: Tally,
    next: Commit,
    under_way: VecDeque<(Commit, Option<Ticket>)>,
    bytes_under_way: usize,
}

impl<'a> Import<'a> {
    fn new(store: &'a dyn EventStore, batch: usize, progress: ProgressBar) -> Self {
        let (tally, next, under_way) = (Tally::default(), Commit::default(), VecDeque::new());
        Self { store, batch, progress, tally, next, under_way, bytes_under_way: 0 }
    }

    fn all(&mut self, input: impl BufRead) -> StoreResult<()> {
        let taken = self.take_lines(input);
        if taken.is_ok() {
            self.submit();
        }
        let settled = self.settle_all();
        taken.and(settled)
    }

    fn take_lines(&mut self, mut input: impl BufRead) -> StoreResult<()> {
        let mut buffer = Vec::new();
        for number in 1.. {
            if !read_line(&mut input, &mut buffer).map_err(|error| at(number, &error))? {
                break;
            }
            self.progress.inc(buffer.len() as u64);
            if !buffer.trim_ascii().is_empty() {
                let write = line::parse(&buffer).map_err(|error| at(number, &error))?;
                self.take(number, write, buffer.len())?;
            }
        }
        Ok(())
    }

    fn take(&mut self, number: u64, write: StreamWrite, bytes: usize) -> StoreResult<()> {
        let is_new = !self.is_stored(&write).map_err(|error| at(number, &error))?;
        if !self.next.has_room_for(&write) {
            self.submit();
        }
        self.next.lines.push(number);
        self.next.bytes += bytes;
        if is_new {
            self.next.push(write);
        }
        if self.next.is_full(self.batch) {
            self.submit();
        }
        while self.under_way.len() > UNDER_WAY_MAX || self.bytes_under_way > UNDER_WAY_BYTES_MAX {
            self.settle_oldest()?;
        }
        Ok(())
    }

    /// Whether an earlier import has stored this line, perhaps in a commit of another size.
    fn is_stored(&self, write: &StreamWrite) -> StoreResult<bool> {
        let event = &write.events[0];
        match self.store.find(event.id).wait()? {
            None => Ok(false),
            Some(stored) if stored.is_same_event(write.stream.as_ref(), event) => Ok(true),
            Some(stored) => Err(Error::invalid(format!(
                "event id {} names another event already, at position {}: a new event needs a new id",
                event.id,
                stored.position()
            ))),
        }
    }

    fn submit(&mut self) {
        let mut commit = std::mem::take(&mut self.next);
        let append = std::mem::take(&mut commit.append);
        let ticket = (!append.writes.is_empty()).then(|| self.store.submit(append));
        self.bytes_under_way += commit.bytes;
        self.under_way.push_back((commit, ticket));
    }

    /// Waits for everything that was submitted; the first error is the one to tell.
    fn settle_all(&mut self) -> StoreResult<()> {
        let mut settled = Ok(());
        while !self.under_way.is_empty() {
            settled = settled.and(self.settle_oldest());
        }
        settled
    }

    fn settle_oldest(&mut self) -> StoreResult<()> {
        let Some((commit, ticket)) = self.under_way.pop_front() else { return Ok(()) };
        self.bytes_under_way -= commit.bytes;
        let settled = ticket.map_or(Ok(()), |ticket| ticket.wait().map(drop));
        self.tally.add(&commit, settled.is_ok());
        self.progress.set_message(format!("{} events", print::grouped(self.tally.stored)));
        settled.map_err(|error| named(&commit.named(), &error))
    }
}

/// Reads up to the end of the line; false if there is no other line.
fn read_line(input: &mut impl BufRead, buffer: &mut Vec<u8>) -> StoreResult<bool> {
    buffer.clear();
    let failed = |error| Error::unavailable("it cannot be read").because(error);
    let bytes = input.take(LINE_BYTES_MAX).read_until(b'\n', buffer).map_err(failed)?;
    if bytes as u64 == LINE_BYTES_MAX {
        return Err(Error::invalid(format!(
            "it is longer than {}: store large data elsewhere and keep a reference in the event",
            print::bytes(LINE_BYTES_MAX)
        )));
    }
    Ok(bytes > 0)
}

fn at(number: u64, error: &Error) -> Error {
    named(&format!("line {number}"), error)
}

fn named(lines: &str, error: &Error) -> Error {
    Error::new(error.kind(), format!("{lines}: {error}"))
}
