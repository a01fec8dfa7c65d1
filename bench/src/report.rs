//! The report: when, where, how, and the tables.

use std::fmt::Write;

use jiff::Timestamp;

use crate::settings::Settings;
use crate::table::grouped;

const INTRODUCTION: &str = "\
An event has a kind of 16 bytes, 256 bytes of JSON, 40 bytes of metadata, a UUID, and is appended at an \
expected version. *Durable* is meant everywhere: an append is counted when its bytes are synced. \
Contestants run in turns in the same process; the median of the rounds is shown, with the latencies of \
that round. Stores are read with warm caches, except \
right after opening. A dash says that a contestant has no notion of what is measured. The limits are what the disk \
itself gives when 400 bytes an event are written into a file full of zeros and synced, without any store, and \
what the page cache gives when as many bytes are read from it. \
A target is a figure that we want to reach, and says whether this run did. Compare only within a table: \
another machine, or another hour, has other figures.

- **hitherto** has its default options; *compressed* is a second store, filled with the same events, all of \
whose full files were compressed before it was read.
- *SQLite by hand*: one table with `unique (stream, version)` and an index on kinds, WAL, \
`synchronous=FULL`, prepared statements, 64 MiB of cache and `mmap`, one writer behind a mutex and one \
connection for each reader.
- *redb by hand*: events by position, and an index of streams and one of kinds; a transaction for each \
append, durable with one sync; redb's own cache of 1 GiB.
- *fjall by hand*: the same tables; a batch for each append, behind a mutex because of its version check, \
committed with `SyncData`; 64 MiB of cache.
- *UmaDB embedded*: its engine and its own writer thread, which commits together what came meanwhile; a \
stream is a tag, an expected version a condition on that tag; 64 MB of cache.

None of the four has an index on event ids or categories, and only UmaDB has one on tags; UmaDB has none on \
kinds. *Memory of its own* is without the pages of mapped files, which belong to the page cache.";

/// How to get these figures; it stands in the report itself, so that it is written with it.
const COMMANDS: &str = include_str!("commands.md");
/// What bounds the figures that miss their target.
const BOUNDS: &str = include_str!("bounds.md");

/// The whole report in Markdown.
pub(crate) fn write(
    settings: &Settings,
    machine: &str,
    syncs_a_second: [f64; 2],
    sections: &[impl std::fmt::Display],
) -> String {
    let today = Timestamp::now().strftime("%Y-%m-%d");
    let command = settings.command();
    let [before, after] = syncs_a_second.map(grouped);
    let mut text = format!(
        "# Performance\n\n{COMMANDS}\n## Figures\n\nMeasured on {today} with `{command}`: \
         {machine}. Its disk synced 512 bytes, \
         written into a file full of zeros, {before} times a second before, and {after} times \
         after.\n\n{INTRODUCTION}\n"
    );
    for section in sections {
        write!(text, "{section}").expect("writing to a string does not fail");
    }
    write!(text, "\n{BOUNDS}").expect("writing to a string does not fail");
    text
}
