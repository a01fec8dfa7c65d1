//! `hitherto why`: the events that led to an event, and those that followed from it, as a tree.

mod story;
mod tree;

use std::io::Write;

use anstyle::Style;
use hitherto_store::{Error, EventId, EventStore, Position, Query, Recorded, Result};
use serde::Serialize;

use crate::engine::{self, KeysArgument};
use crate::failure::{Failure, Outcome};
use crate::line::{self, Line};
use crate::print::{self, Format, FormatArguments, Table, counted};
use crate::{moment, place};
use story::{Causes, Story};
use tree::{Node, Tree};

const EXAMPLES: &str = "\
Examples:
  hitherto why bank 14
  hitherto why bank 0198c0de-0000-7000-8000-000000000001 --json
  hitherto why bank 14 --causes
  hitherto why bank 14 --up-to 5000

An event names the one that caused it (its causation), and what its whole story has in common (its
correlation). Causes are looked up by their ids, which takes no time. What followed is found by
reading on from where the story began; --up-to bounds that, --causes leaves it out.
STORE may be left out where HITHERTO_STORE names it, or one *.hitherto is in this directory.";

/// Shows what led to an event and what followed from it, across streams
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, override_usage = "hitherto why [OPTIONS] [STORE] <POSITION|ID>")]
pub(crate) struct Arguments {
    /// The store's directory, and the event's position or id
    #[arg(required = true, num_args = 1..=2, value_name = "EVENT")]
    names: Vec<String>,

    /// Only what led to it, and not what followed
    #[arg(long)]
    causes: bool,

    /// Look for what followed up to this position, itself included
    #[arg(long, value_name = "POSITION", conflicts_with = "causes")]
    up_to: Option<u64>,

    /// At most so many events of the story, the causes first
    #[arg(long, value_name = "EVENTS", default_value = "1000")]
    limit: usize,

    #[command(flatten)]
    keys: KeysArgument,

    #[command(flatten)]
    format: FormatArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let (path, event) = place::store_and(&arguments.names)?;
    let door = engine::read_with_keys(&path, &arguments.keys)?;
    let asked = find(&*door, event)?;
    let causes = Causes::of(&*door, &asked, arguments.limit)?;
    let story = if arguments.causes {
        Story::of_causes(causes)
    } else {
        Story::read(&*door, causes, arguments.up_to.map(Position), arguments.limit)?
    };
    let tree = Tree::of(&story.events, asked.id());
    match arguments.format.choose() {
        Format::Table => table(&asked, &story, &tree)?,
        Format::Json => json(&asked, &tree)?,
    }
    Ok(Outcome::Done)
}

/// The event with this position or this id.
fn find(store: &dyn EventStore, text: &str) -> Result<Recorded> {
    if let Ok(position) = text.parse() {
        return at_position(store, position);
    }
    let id: EventId = text.parse().map_err(|_| {
        Error::invalid(format!("{text:?} is no event: write its position (14) or its id (a UUID)"))
    })?;
    let missing = || Error::not_found(format!("there is no event with the id {id} in this store"));
    store.find(id).wait()?.ok_or_else(missing)
}

fn at_position(store: &dyn EventStore, position: u64) -> Result<Recorded> {
    if position == 0 {
        return Err(Error::not_found("no event is at position 0: positions count from 1"));
    }
    let query = Query::all().after(Position(position - 1)).up_to(Position(position));
    if let Some(event) = store.read(query).next().transpose()? {
        return Ok(event);
    }
    let head = store.head().wait()?;
    Err(Error::not_found(if position > head.0 {
        format!("no event is at position {position} yet: the last one is at position {head}")
    } else {
        format!("the event at position {position} is not kept any more")
    }))
}

fn table(asked: &Recorded, story: &Story, tree: &Tree<'_>) -> Result<(), Failure> {
    let mut out = print::styled_stdout();
    let title = format!("why {} at position {} happened", asked.kind(), asked.position());
    writeln!(out, "{}\n", print::bold(title))?;
    let titles = ["event", "stream", ">version", ">position", "time", "data"];
    let mut table = Table::new(&mut out, &titles);
    for node in tree.nodes() {
        let style = if node.event.id() == asked.id() { Style::new().bold() } else { Style::new() };
        table.styled_row(style, &row(&node, asked))?;
    }
    table.flush()?;
    for note in notes(asked, story, tree) {
        writeln!(out, "\n{}", print::dim(note))?;
    }
    out.flush()?;
    Ok(())
}

fn row(node: &Node<'_>, asked: &Recorded) -> [String; 6] {
    let event = node.event;
    let mark = if event.id() == asked.id() { " ◂" } else { "" };
    let version = event.stream().map(|_| event.version().to_string());
    [
        format!("{}{}{mark}", node.branch, event.kind()),
        event.stream().unwrap_or("-").to_owned(),
        version.unwrap_or_default(),
        event.position().to_string(),
        moment::briefly(event.recorded_at()),
        line::for_people(event),
    ]
}

/// What is not in the tree, and why.
fn notes(asked: &Recorded, story: &Story, tree: &Tree<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(cause) = story.unknown_cause {
        notes.push(format!(
            "The first of them was caused by {cause}, which is no event of this store: perhaps a request, \
             or an event of another store."
        ));
    }
    if tree.others > 0 {
        let others = counted(tree.others, "other event");
        notes.push(format!("{others} of the same story (the correlation {}).", story.correlation));
    }
    if story.begins_earlier {
        notes.push("More led to it than this: --limit shows more of that.".to_owned());
    }
    if story.is_cut {
        notes.push("The story goes on: --limit shows more of it.".to_owned());
    }
    if asked.causation().is_none() && story.events.len() == 1 && !story.is_causes_only {
        notes.push("It names no cause, and no event names it as theirs.".to_owned());
    }
    notes
}

#[derive(Serialize)]
struct NodeLine<'a> {
    depth: usize,
    is_asked: bool,
    #[serde(flatten)]
    event: Line<'a>,
}

fn json(asked: &Recorded, tree: &Tree<'_>) -> Result<(), Failure> {
    let mut out = print::stdout();
    for node in tree.nodes() {
        let is_asked = node.event.id() == asked.id();
        let line = NodeLine { depth: node.depth, is_asked, event: Line::of(node.event) };
        print::json_line(&mut out, &line)?;
    }
    out.flush()?;
    Ok(())
}
