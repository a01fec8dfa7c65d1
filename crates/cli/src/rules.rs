//! `hitherto rules`: how `show` and `diff` add up the fields of events; lists and registers.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use hitherto_store::{Error, EventStore, Query};

use crate::engine;
use crate::failure::{Failure, Outcome};
use crate::fold::{Rule, Rules, Verb};
use crate::print::{self, Format, FormatArguments, Table};

const EXAMPLES: &str = "\
Examples:
  hitherto rules bank
  hitherto rules bank AccountOpened initial_deposit set --into balance
  hitherto rules bank MoneyDeposited amount add --into balance
  hitherto rules bank MoneyDeposited amount count --into deposits --also
  hitherto rules bank MoneyWithdrawn amount subtract --into balance
  hitherto rules bank AccountClosed =true set --into is_closed
  hitherto rules shop order/ItemAdded quantity add --into items.{sku}
  hitherto rules shop order/CommentMade . append --into comments
  hitherto rules bank MoneyDeposited amount --forget

KIND is a kind of event, or CATEGORY/KIND for the streams of one category. FIELD is one of its
fields (address.city for one within), . for all of them, or =JSON for what is always the same.
In --into, {field} stands for what the event has in that field. A field without a rule shows the
last value that it was given.

The rules are kept in the file `rules.json` beside the log; no event is changed by them.";

/// Lists and registers how `show` and `diff` add up the fields of events
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The store's directory
    store: PathBuf,

    /// The kind of event; without it, all rules are listed
    #[arg(requires = "field")]
    kind: Option<String>,

    /// One of its fields
    field: Option<String>,

    /// What to do with it
    #[arg(value_enum)]
    rule: Option<Verb>,

    /// The field of the state that it goes into; without it, the one of the same name
    #[arg(long, value_name = "FIELD", requires = "rule")]
    into: Option<String>,

    /// Keep the other rules for this field of this kind
    #[arg(long, requires = "rule")]
    also: bool,

    /// Take out the rules for this field of this kind
    #[arg(long, requires = "field", conflicts_with = "rule")]
    forget: bool,

    #[command(flatten)]
    format: FormatArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let store = engine::open_read_only(&arguments.store)?;
    let mut rules = Rules::load(&arguments.store, None)?;
    let Some((kind, field)) = arguments.kind.as_ref().zip(arguments.field.as_ref()) else {
        return list(&rules, arguments.format.choose());
    };
    match arguments.rule {
        Some(verb) => {
            let rule = Rule::new(kind, field, verb, arguments.into.as_deref());
            let rule = rule.map_err(Error::invalid)?;
            tell_if_unknown(&store, kind)?;
            rules.register(rule, arguments.also);
        }
        None if !arguments.forget => return Err(nothing_said(kind, field).into()),
        None if rules.forget(kind, field) == 0 => return Err(no_such(kind, field).into()),
        None => {}
    }
    save(&rules, &arguments.store)
}

fn save(rules: &Rules, store: &Path) -> Result<Outcome, Failure> {
    rules.save(store)?;
    Ok(Outcome::Done)
}

fn nothing_said(kind: &str, field: &str) -> Error {
    let verbs = Verb::value_variants().iter().filter_map(Verb::to_possible_value);
    let verbs: Vec<_> = verbs.map(|verb| verb.get_name().to_owned()).collect();
    let verbs = verbs.join(", ");
    Error::invalid(format!("what is done with {field} of {kind}? say one of {verbs}, or --forget"))
}

fn no_such(kind: &str, field: &str) -> Error {
    Error::not_found(format!("there is no rule for {field} of {kind}: `hitherto rules` lists them"))
}

/// A rule may be registered before the first such event; a name that is misspelt looks the same.
fn tell_if_unknown(store: &impl EventStore, kind: &str) -> Result<(), Failure> {
    let name = kind.split_once('/').map_or(kind, |(_, name)| name);
    if store.read(Query::of_kinds([name]).limit(1)).next().transpose()?.is_none() {
        writeln!(anstream::stderr(), "note: no event of kind {name} is stored yet")?;
    }
    Ok(())
}

fn list(rules: &Rules, format: Format) -> Result<Outcome, Failure> {
    match format {
        Format::Table => table(rules)?,
        Format::Json => {
            let mut out = print::stdout();
            rules.all().iter().try_for_each(|rule| print::json_line(&mut out, rule))?;
            out.flush()?;
        }
    }
    Ok(Outcome::Done)
}

fn table(rules: &Rules) -> std::io::Result<()> {
    let mut table = Table::new(print::stdout(), &["kind", "field", "rule", "into"]);
    for rule in rules.all() {
        let verb = rule.verb().to_possible_value().expect("no verb is hidden");
        let verb = verb.get_name().to_owned();
        table.row(&[rule.kind().into(), rule.field().into(), verb, rule.target().to_string()])?;
    }
    table.flush()
}
