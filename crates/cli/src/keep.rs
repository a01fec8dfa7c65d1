//! `hitherto keep`: how much of a stream, or of a category's streams, is kept.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use hitherto_store::Keep;

use crate::failure::{Failure, Outcome};
use crate::target::TargetArguments;
use crate::{engine, print};

const EXAMPLES: &str = "\
Examples:
  hitherto keep bank --category session --max-age 30d
  hitherto keep bank --stream audit-1 --max-count 1000
  hitherto keep bank --category session --everything

What is older, or more, is hidden from all reads at once; `scavenge` gives its room back. Of what is
said about a stream and about its category the stricter counts. `hold` makes exceptions.";

const USAGE: &str = "hitherto keep STORE --stream NAME|--category NAME BOUNDS

BOUNDS are --max-age AGE and --max-count EVENTS, or one of them; or --everything";

/// Keeps only what is young enough, or the last events, of streams
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, override_usage = USAGE)]
pub(crate) struct Arguments {
    /// The store's directory
    store: PathBuf,

    #[command(flatten)]
    target: TargetArguments,

    #[command(flatten)]
    keep: KeepArguments,
}

#[derive(clap::Args)]
#[group(required = true, multiple = true)]
struct KeepArguments {
    /// Keep events that were recorded at most so long ago: 90s, 12h, 30d
    #[arg(long, value_name = "AGE", value_parser = age)]
    max_age: Option<Duration>,

    /// Keep the last so many events of each stream
    #[arg(long, value_name = "EVENTS")]
    max_count: Option<u64>,

    /// Keep everything from now on; what is removed stays removed
    #[arg(long, conflicts_with_all = ["max_age", "max_count"])]
    everything: bool,
}

impl KeepArguments {
    fn keep(&self) -> Keep {
        let age = self.max_age.map(Keep::max_age).unwrap_or_default();
        self.max_count.map_or(age, |count| age.and(Keep::max_count(count)))
    }
}

/// A time in whole seconds; a day has 24 hours.
fn age(text: &str) -> Result<Duration, String> {
    let wrong = || "it is no time: write 90s, 12h or 30d".to_owned();
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    let days = jiff::SpanRelativeTo::days_are_24_hours();
    let age = span.to_duration(days).map_err(|_| wrong())?;
    Duration::try_from(age).map_err(|_| wrong())
}

pub(crate) fn run(arguments: Arguments) -> Result<Outcome, Failure> {
    let target = arguments.target.target();
    let keep = arguments.keep.keep();
    let store = engine::existing(&arguments.store)?;
    let position = store.keep(target.clone(), keep)?;
    store.close()?;
    let mut out = print::stdout();
    writeln!(out, "{target} keeps {keep}, said at position {position}")?;
    out.flush()?;
    Ok(Outcome::Done)
}
