//! `hitherto stat`: how large a store is, and what it is made of.

use std::io::{self, Write};
use std::path::PathBuf;

use hitherto_store::{Digest, FileStat, IndexStat, ScrubStat, Stat};
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::print::{self, Format, FormatArguments, Table, bytes, grouped};
use crate::{engine, moment};

const EXAMPLES: &str = "\
Examples:
  hitherto stat bank
  hitherto stat bank --json";

/// Says how large a store is
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The store's directory
    store: PathBuf,

    #[command(flatten)]
    format: FormatArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let store = engine::open_read_only(&arguments.store)?;
    let stat = store.stat()?;
    let digest = store.digest(stat.head)?;
    match arguments.format.choose() {
        Format::Table => table(&stat, digest)?,
        Format::Json => json(&stat, digest)?,
    }
    Ok(Outcome::Done)
}

fn table(stat: &Stat, digest: Digest) -> io::Result<()> {
    let mut out = print::stdout();
    writeln!(out, "store     {}, format {}", stat.store_id, stat.format_version)?;
    writeln!(out, "created   {}", moment::briefly(stat.created_at))?;
    writeln!(out, "events    {}", grouped(stat.head.0))?;
    writeln!(out, "streams   {}", grouped(stat.streams))?;
    writeln!(out, "digest    {digest} at position {}", stat.head)?;
    writeln!(out, "log       {}", bytes(stat.files.iter().map(|file| file.used_bytes).sum()))?;
    compressed(&mut out, &stat.files)?;
    let index_bytes = stat.indexes.iter().map(|index| index.bytes).sum();
    writeln!(out, "indexes   {} in {} files", bytes(index_bytes), stat.indexes.len())?;
    let removed = stat.files.iter().map(|file| file.removed_events).sum();
    if removed > 0 {
        writeln!(out, "removed   {} events, of which only the place is left", grouped(removed))?;
    }
    writeln!(out, "memory    {}", bytes(stat.memory_bytes))?;
    scrub(&mut out, stat)?;
    writeln!(out)?;
    let titles = ["file", ">first position", ">events", ">used", ">on disk"];
    let mut table = Table::new(out, &titles);
    stat.files.iter().try_for_each(|file| table.row(&row(file)))?;
    table.flush()
}

/// How much of the log is compressed by now, and to which part of its size.
fn compressed(out: &mut impl Write, all: &[FileStat]) -> io::Result<()> {
    let files: Vec<_> = all.iter().filter(|file| file.is_compressed).collect();
    let raw: u64 = files.iter().map(|file| file.used_bytes).sum();
    if raw == 0 {
        return Ok(());
    }
    let compressed: u64 = files.iter().map(|file| file.allocated_bytes).sum();
    let (count, percent) = (files.len(), compressed * 100 / raw);
    let (raw, compressed) = (bytes(raw), bytes(compressed));
    writeln!(
        out,
        "          {count} of {} files are compressed, {raw} to {compressed} ({percent} %)",
        all.len()
    )
}

/// When the log was read last in the background, how far it is now, and what was found.
fn scrub(out: &mut impl Write, stat: &Stat) -> io::Result<()> {
    let Some(scrub) = &stat.scrub else { return Ok(()) };
    let ended = scrub.ended.map_or_else(|| "never".to_owned(), moment::briefly);
    write!(out, "scrubbed  {ended}")?;
    if scrub.begun.is_some() {
        write!(out, ", and again up to {}", bytes(scrub.bytes))?;
    }
    match scrub.damages.len() {
        0 => writeln!(out, ": nothing is damaged"),
        damaged => writeln!(out, ": {damaged} places are damaged, `hitherto verify` says more"),
    }?;
    scrub.damages.iter().try_for_each(|damage| writeln!(out, "          {damage}"))
}

fn row(file: &FileStat) -> [String; 5] {
    let position = file.first_position.to_string();
    let [used, allocated] = [file.used_bytes, file.allocated_bytes].map(bytes);
    let form = match &file.archive {
        Some(archive) => &format!(" (in {archive})"),
        None if file.is_compressed => " (compressed)",
        None => "",
    };
    [format!("{}{form}", file.name), position, grouped(file.events), used, allocated]
}

#[derive(Serialize)]
struct StoreLine<'a> {
    store_id: String,
    format_version: u32,
    created_at: String,
    head: u64,
    streams: u64,
    digest: String,
    memory_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    scrub: Option<ScrubLine>,
    files: Vec<FileLine<'a>>,
    indexes: Vec<IndexLine<'a>>,
}

#[derive(Serialize)]
struct ScrubLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    begun: Option<String>,
    bytes: u64,
    damages: Vec<String>,
}

impl ScrubLine {
    fn of(scrub: &ScrubStat) -> Self {
        Self {
            ended: scrub.ended.map(moment::exactly),
            begun: scrub.begun.map(moment::exactly),
            bytes: scrub.bytes,
            damages: scrub.damages.iter().map(ToString::to_string).collect(),
        }
    }
}

#[derive(Serialize)]
struct FileLine<'a> {
    file: &'a str,
    first_position: u64,
    events: u64,
    used_bytes: u64,
    allocated_bytes: u64,
    is_compressed: bool,
    removed_events: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    archive: Option<&'a str>,
}

impl<'a> FileLine<'a> {
    fn of(file: &'a FileStat) -> Self {
        Self {
            file: &file.name,
            first_position: file.first_position.0,
            events: file.events,
            used_bytes: file.used_bytes,
            allocated_bytes: file.allocated_bytes,
            is_compressed: file.is_compressed,
            removed_events: file.removed_events,
            archive: file.archive.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct IndexLine<'a> {
    file: &'a str,
    events: u64,
    bytes: u64,
}

impl<'a> IndexLine<'a> {
    fn of(index: &'a IndexStat) -> Self {
        Self { file: &index.name, events: index.events, bytes: index.bytes }
    }
}

fn json(stat: &Stat, digest: Digest) -> io::Result<()> {
    let line = StoreLine {
        store_id: stat.store_id.to_string(),
        format_version: stat.format_version,
        created_at: moment::exactly(stat.created_at),
        head: stat.head.0,
        streams: stat.streams,
        digest: digest.to_string(),
        memory_bytes: stat.memory_bytes,
        scrub: stat.scrub.as_ref().map(ScrubLine::of),
        files: stat.files.iter().map(FileLine::of).collect(),
        indexes: stat.indexes.iter().map(IndexLine::of).collect(),
    };
    let mut out = print::stdout();
    print::json_line(&mut out, &line)?;
    out.flush()
}
