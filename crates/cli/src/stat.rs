//! `hitherto stat`: how large a store is, and what it is made of.

use std::io::{self, Write};
use std::path::PathBuf;

use hitherto_store::{Digest, FileStat, IndexStat, Stat};
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
    let index_bytes = stat.indexes.iter().map(|index| index.bytes).sum();
    writeln!(out, "indexes   {} in {} files", bytes(index_bytes), stat.indexes.len())?;
    writeln!(out, "memory    {}\n", bytes(stat.memory_bytes))?;
    let titles = ["file", ">first position", ">events", ">used", ">on disk"];
    let mut table = Table::new(out, &titles);
    stat.files.iter().try_for_each(|file| table.row(&row(file)))?;
    table.flush()
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
    files: Vec<FileLine<'a>>,
    indexes: Vec<IndexLine<'a>>,
}

#[derive(Serialize)]
struct FileLine<'a> {
    file: &'a str,
    first_position: u64,
    events: u64,
    used_bytes: u64,
    allocated_bytes: u64,
    is_compressed: bool,
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
        files: stat.files.iter().map(FileLine::of).collect(),
        indexes: stat.indexes.iter().map(IndexLine::of).collect(),
    };
    let mut out = print::stdout();
    print::json_line(&mut out, &line)?;
    out.flush()
}
