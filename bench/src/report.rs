//! The report: when, where, how, and the tables.

use std::fmt::Write;

use jiff::Timestamp;

use crate::settings::Settings;
use crate::table::{Table, grouped};

const INTRODUCTION: &str = "\
An event has a kind of 16 bytes, 256 bytes of JSON, 40 bytes of metadata, a UUID, and is appended at an \
expected version. *Durable* is meant everywhere: an append is counted when its bytes are synced. \
Contestants run in turns in the same process; the median of the rounds is shown, with the latencies of \
that round. \"SQLite by hand\" is one table with `unique (stream, version)` and an index on kinds, WAL, \
`synchronous=FULL`, prepared statements, one writer behind a mutex and one connection for each reader; it \
has no index on event ids, tags or categories. The limits are what the disk itself gives when 400 bytes \
an event are written into a file full of zeros and synced, without any store. Compare only within a \
table: another machine, or another hour, has other figures.";

/// The whole report in Markdown.
pub(crate) fn write(
    settings: &Settings,
    machine: &str,
    syncs_a_second: [f64; 2],
    tables: &[Table],
) -> String {
    let today = Timestamp::now().strftime("%Y-%m-%d");
    let command = settings.command();
    let [before, after] = syncs_a_second.map(grouped);
    let mut text = format!(
        "# Performance\n\nMeasured on {today} with `{command}`: {machine}. Its disk synced 512 bytes, \
         written into a file full of zeros, {before} times a second before, and {after} times \
         after.\n\n{INTRODUCTION}\n"
    );
    for table in tables {
        write!(text, "\n{table}").expect("writing to a string does not fail");
    }
    text
}
