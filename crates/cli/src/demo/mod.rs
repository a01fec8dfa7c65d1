//! `hitherto demo`: a bank account on a store on disk; each step says what happened and how it is
//! known.

mod account;
mod another_process;
mod balance;
mod bulk;
mod counting;
mod customer;
mod ending;
mod old_events;
mod race;
mod read_model;
mod school;
mod seats;
mod story;

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hitherto::{Repository, Store};
use hitherto_store::{EmbeddedStore, Error, EventStore, Position, Query, Recorded, Result};

use crate::failure::{Failure, Outcome};
use crate::{engine, print};
use account::BankAccount;
pub(crate) use another_process::{BalanceArguments, balance};
use counting::Counting;
use story::Story;

/// The command that the demo starts itself with, as a second process. Not for people.
pub(crate) const BALANCE_COMMAND: &str = "demo-balance";

const EXPLANATION: &str = "\
Each run adds to the store: it opens the account with the next free number (ACC-001, ACC-002, …), so
that it can be repeated on the same store and says the same about another account.

Every number that is printed is measured or read back from the store. What must be is checked: ✓ or ✗.
The exit code is 1 if a check fails.";

/// Shows what it can do: a bank account on a store on disk, told step by step
#[derive(clap::Args)]
#[command(after_help = EXPLANATION)]
pub(crate) struct Arguments {
    /// The store's directory; it is created if it is not there, and stays
    #[arg(default_value = "demo.hitherto")]
    store: PathBuf,

    /// How many events to append in bulk
    #[arg(long, value_name = "NUMBER", default_value = "100000")]
    events: NonZeroU64,
}

/// What the steps share.
struct Demo {
    story: Story,
    path: PathBuf,
    /// The store itself, for what is said about single events.
    store: EmbeddedStore,
    /// The same store for the typed library, with a count of the events that are read.
    counting: Arc<Counting>,
    typed: Store,
    /// The number of this run: `001`.
    run: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let mut demo = Demo::begin(&arguments.store)?;
    demo.open_the_account()?;
    demo.deposit_and_withdraw()?;
    demo.know_the_balance_in_three_ways()?;
    demo.let_two_writers_race()?;
    demo.refuse_an_overdraft()?;
    demo.travel_in_time()?;
    demo.read_an_old_event()?;
    demo.give_away_the_last_seat()?;
    demo.append_and_replay(arguments.events.get())?;
    demo.project_and_rebuild()?;
    demo.verify()?;
    demo.end()
}

impl Demo {
    fn begin(path: &Path) -> Result<Self, Failure> {
        let mut telling = Story::begin("hitherto demo: a bank account on a store on disk")?;
        let store = engine::open(path)?;
        let run = format!("{:03}", next_free_number(&store)?);
        let head = store.head().wait()?;
        let found = match head {
            Position::START => "a new store".to_owned(),
            _ => format!("an existing store with {}", print::counted(head.0, "event")),
        };
        telling.fact(format!("{}: {found}; this run's account is ACC-{run}", path.display()))?;
        let counting = Arc::new(Counting::new(store.clone()));
        let typed = Store::new(Arc::clone(&counting) as _);
        Ok(Self { story: telling, path: path.to_owned(), store, counting, typed, run })
    }

    fn account(&self) -> String {
        format!("ACC-{}", self.run)
    }

    fn stream(&self) -> String {
        format!("account-ACC-{}", self.run)
    }

    /// The accounts, each time without what an earlier repository may have kept in memory.
    fn accounts(&self) -> Repository<BankAccount> {
        Repository::new(&self.typed)
    }

    /// The event at a position, as it stands in the store.
    fn event_at(&self, position: Position) -> Result<Recorded> {
        let query = Query::all().after(Position(position.0 - 1)).limit(1);
        let missing = || Error::not_found(format!("there is no event at position {position}"));
        self.store.read(query).next().ok_or_else(missing)?
    }

    fn head(&self) -> Result<Position> {
        self.store.head().wait()
    }
}

/// One more than the highest number that a run of the demo has used in this store.
fn next_free_number(store: &EmbeddedStore) -> Result<u64> {
    let streams = store.streams(Some("account"))?;
    let number = |name: &str| name.strip_prefix("account-ACC-")?.parse::<u64>().ok();
    let last = streams.iter().filter_map(|stream| number(&stream.name)).max();
    Ok(last.unwrap_or(0) + 1)
}

/// An event in one line: where it stands and what it says.
fn told(event: &Recorded) -> String {
    let place = match event.stream() {
        Some(stream) => format!("{stream} version {}", event.version()),
        None => format!("no stream, tags {}", event.tags().collect::<Vec<_>>().join(" ")),
    };
    let data = String::from_utf8_lossy(event.payload());
    format!("position {}, {place}: {} {data}", event.position(), event.kind())
}
