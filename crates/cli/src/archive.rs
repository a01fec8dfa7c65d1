//! `hitherto archive`: moves old log files elsewhere, to be read from there.

use std::io::Write;
use std::path::PathBuf;

use crate::failure::{Failure, Outcome};
use crate::print::{self, bytes, counted};
use crate::{archives, engine};

const EXAMPLES: &str = "\
Examples:
  hitherto archive bank --to /mnt/cold/bank
  hitherto archive bank --to /mnt/cold/bank --keep-bytes 1000000000
  hitherto archive bank --to s3://bucket/bank

Full log files are compressed, and the oldest moved: copied, read back, compared, and only then
removed here. All commands read them from there as before; `hitherto stat` shows where they are.
Repeated, it also removes from the archive what a scavenge removed from the store since.

For S3, and what speaks like it, the program is built with `--features s3`, and the environment says
how to get there: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, and AWS_ENDPOINT_URL for
another server than Amazon's (AWS_ALLOW_HTTP=true if it speaks http). Every command that reads such a
store needs them.";

/// Moves old log files to another directory or to S3, to be read from there
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The store's directory
    store: PathBuf,

    /// Where to: a directory, which is created if it is not there, or `s3://BUCKET/PREFIX`
    #[arg(long, value_name = "ARCHIVE")]
    to: String,

    /// Compressed files that may stay here, in bytes; the newest always does
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    keep_bytes: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    drop(engine::open_read_only(&arguments.store)?); // none is created for nothing
    let store = engine::open(&arguments.store)?;
    let moved = store.archive(&*archives::named(&arguments.to)?, arguments.keep_bytes)?;
    store.close()?;
    let mut out = print::stdout();
    let files = counted(moved.files, "file");
    writeln!(out, "moved {files}, {}, to {}", bytes(moved.bytes), arguments.to)?;
    if moved.superseded > 0 {
        let objects = counted(moved.superseded, "object");
        writeln!(out, "removed {objects} of files that were scavenged since")?;
    }
    out.flush()?;
    Ok(Outcome::Done)
}
