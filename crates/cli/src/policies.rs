//! `hitherto policies`: what is kept, removed and on hold.

use std::io::{self, Write};
use std::path::PathBuf;

use hitherto_store::{Policies, Policy, Target};
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::print::{self, Format, FormatArguments, Table};
use crate::{engine, moment};

const EXAMPLES: &str = "\
Examples:
  hitherto policies bank
  hitherto policies bank --json
  hitherto read bank --stream '$retention'

The last one shows what was decided, and when.";

/// Lists what is kept of which streams, and what is on hold
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The store's directory
    store: PathBuf,

    #[command(flatten)]
    format: FormatArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let policies = engine::open_read_only(&arguments.store)?.policies()?;
    match arguments.format.choose() {
        Format::Table => table(&policies)?,
        Format::Json => json(&policies)?,
    }
    Ok(Outcome::Done)
}

fn table(policies: &Policies) -> io::Result<()> {
    let mut out = print::stdout();
    for hold in &policies.holds {
        writeln!(out, "on hold: {hold}")?;
    }
    if let Some((position, time)) = policies.last_scavenge {
        writeln!(out, "last scavenge: {} at position {position}", moment::briefly(time))?;
    }
    let titles = ["of", "kept", ">removed before position", ">tombstoned at"];
    let mut table = Table::new(out, &titles);
    policies.policies.iter().try_for_each(|policy| table.row(&row(policy)))?;
    table.flush()
}

fn row(policy: &Policy) -> [String; 4] {
    let position = |position: Option<hitherto_store::Position>| {
        position.map_or_else(String::new, |position| position.to_string())
    };
    let (removed, tombstoned) = (policy.removed_before, policy.tombstoned_at);
    let kept = policy.keep.to_string();
    [policy.target.to_string(), kept, position(removed), position(tombstoned)]
}

#[derive(Serialize)]
struct PoliciesLine {
    policies: Vec<PolicyLine>,
    holds: Vec<String>,
    last_scavenge: Option<ScavengeLine>,
}

#[derive(Serialize)]
struct ScavengeLine {
    position: u64,
    time: String,
}

#[derive(Serialize)]
struct PolicyLine {
    stream: Option<String>,
    category: Option<String>,
    max_age_seconds: Option<u64>,
    max_count: Option<u64>,
    removed_before_position: Option<u64>,
    tombstoned_at_position: Option<u64>,
}

impl PolicyLine {
    fn of(policy: &Policy) -> Self {
        let (stream, category) = match &policy.target {
            Target::Stream(stream) => (Some(stream.to_string()), None),
            Target::Category(category) => (None, Some(category.clone())),
        };
        Self {
            stream,
            category,
            max_age_seconds: policy.keep.age().map(|age| age.as_secs()),
            max_count: policy.keep.count(),
            removed_before_position: policy.removed_before.map(|position| position.0),
            tombstoned_at_position: policy.tombstoned_at.map(|position| position.0),
        }
    }
}

fn json(policies: &Policies) -> io::Result<()> {
    let scavenge = policies
        .last_scavenge
        .map(|(position, time)| ScavengeLine { position: position.0, time: moment::exactly(time) });
    let line = PoliciesLine {
        policies: policies.policies.iter().map(PolicyLine::of).collect(),
        holds: policies.holds.iter().map(ToString::to_string).collect(),
        last_scavenge: scavenge,
    };
    let mut out = print::stdout();
    print::json_line(&mut out, &line)?;
    out.flush()
}
