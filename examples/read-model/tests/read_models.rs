//! What the guides about projections show, compiled and run.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use hitherto::checkpoints::{Checkpoints, checkpoint_files};
use hitherto::projection::KeptModels as _;
use hitherto::projection::{Definition, DocumentsInMemory};
use hitherto::runner::{Begin, Ended, OnFailure, Order, Retry, Settings, State, follow};
use hitherto::{
    Error, EventId, Projection, Projector, Query, Recorded, Repository, Result, Sql, Store,
    StoredEvent, UpdateError, wait,
};
use hitherto_example_read_model::AccountEvent::{
    self, AccountOpened, MoneyDeposited, MoneyWithdrawn,
};
use hitherto_example_read_model::{
    Balances, BalancesWithMoves, BankAccount, Customers, Streaks, Totals,
};
use hitherto_sql::testing::project;
use hitherto_sql::{InTransaction, ReadModels, Sqlite, Standing, handled_once, rusqlite};

async fn deposit(store: &Store, account: &str, amount: u64) -> Result<hitherto::Saved> {
    let accounts = Repository::<BankAccount>::new(store);
    let raised = accounts.update(account, |account| account.raise(MoneyDeposited { amount })).await;
    raised.map_err(|error| match error {
        UpdateError::Store(error) => error,
        UpdateError::Refused(()) => Error::invalid("nothing is refused"),
    })
}

use hitherto::Aggregate as _;

async fn open(store: &Store, account: &str) -> Result<hitherto::Saved> {
    let accounts = Repository::<BankAccount>::new(store);
    let owner = "Zoe".to_owned();
    let raised =
        accounts.update(account, |account| account.raise(AccountOpened { owner: owner.clone() }));
    raised.await.map_err(|_| Error::invalid("nothing is refused"))
}

#[test]
fn a_projection_is_started_and_reads_its_own_writes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read.db");
    wait(async {
        let store = Store::in_memory();
        open(&store, "ACC-001").await?;
        // region: start
        let sqlite = Sqlite::open(&path)?;
        let balances = Projector::start(&store, sqlite.clone(), Balances).await?;

        let saved = deposit(&store, "ACC-001", 1_500).await?;
        balances.reached(saved.position).await?; // read your own write
        assert_eq!(sqlite.rows("select cents from balances")?, [[1_500]]);
        // endregion: start
        drop(balances);
        // region: partitions
        let starting = Projector::start(&store, sqlite.clone(), Balances);
        let balances = starting.partitions(4).batch(500).await?;
        // endregion: partitions
        balances.catch_up().await?;
        // region: in-transaction
        let streaks = Projector::start(&store, sqlite.clone(), InTransaction(Streaks)).await?;
        streaks.catch_up().await?;
        assert_eq!(sqlite.rows("select longest from streaks")?, [[1]]);
        // endregion: in-transaction
        Ok::<(), Error>(())
    })
    .unwrap();
}

// region: test
#[test]
fn a_withdrawal_is_subtracted() {
    let read = project(
        Balances,
        [
            AccountOpened { owner: "Zoe".into() },
            MoneyDeposited { amount: 1_500 },
            MoneyWithdrawn { amount: 200 },
        ],
    );
    assert_eq!(read.rows("select cents from balances"), [[1_300]]);
}
// endregion: test

#[test]
fn a_new_version_is_built_compared_switched_and_rolled_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read.db");
    wait(async {
        let store = Store::in_memory();
        open(&store, "ACC-001").await?;
        let old = Projector::start(&store, Sqlite::open(&path)?, Balances).await?;
        old.catch_up().await?;
        // region: by-hand
        let sqlite = Sqlite::open(&path)?.switch_by_hand();
        let new = Projector::start(&store, sqlite.clone(), BalancesWithMoves).partitions(4).await?;
        let status = new.status();
        println!(
            "{}: {:.0} %, {:?} left",
            status.state,
            100.0 * status.progress(),
            status.time_left
        );
        new.catch_up().await?;

        let models = ReadModels::of(&path)?;
        let compared = models.compare("balances", None)?;
        assert_eq!(compared.tables[0].only_live, 0); // in the columns that both have
        assert_eq!(compared.tables[0].other_columns, ["moves"]);

        models.switch("balances", None)?;
        // endregion: by-hand
        deposit(&store, "ACC-001", 1).await?;
        // region: superseded
        assert_eq!(old.ended().await, Ended::Superseded { by: 2 });
        // endregion: superseded
        // region: roll-back
        assert_eq!(models.roll_back("balances")?, 1);
        let standings = models.list()?.into_iter().map(|kept| (kept.version, kept.standing));
        assert!(standings.eq([(1, Standing::Live), (2, Standing::Held)]));
        // endregion: roll-back
        Ok::<(), Error>(())
    })
    .unwrap();
}

/// Balances that cannot be told of an amount that the bank does not like.
struct Superstitious(Arc<AtomicBool>);

impl Projection for Superstitious {
    const NAME: &'static str = "balances";
    type Event = AccountEvent;

    fn tables(&self) -> &'static str {
        Balances.tables()
    }

    fn project(&self, event: &Recorded<AccountEvent>, sql: &mut Sql) {
        // region: refuse
        if event.data == (MoneyDeposited { amount: 13 }) && !self.0.load(Ordering::SeqCst) {
            return sql.refuse("13 brings bad luck");
        }
        // endregion: refuse
        Balances.project(event, sql);
    }
}

#[test]
fn what_fails_is_parked_mended_and_retried() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read.db");
    let mended = Arc::new(AtomicBool::new(false));
    wait(async {
        let store = Store::in_memory();
        let sqlite = Sqlite::open(&path)?;
        let projection = Superstitious(Arc::clone(&mended));
        // region: policy
        let starting = Projector::start(&store, sqlite.clone(), projection);
        let retry = Retry { attempts: 3, ..Retry::default() };
        let balances = starting.retry(retry).on_failure(OnFailure::Park).await?;
        // endregion: policy
        open(&store, "ACC-001").await?;
        let unlucky = deposit(&store, "ACC-001", 13).await?;
        deposit(&store, "ACC-001", 7).await?;
        let other = open(&store, "ACC-002").await?;
        balances.reached(other.position).await?;
        // region: parked
        let parked = balances.parked()?;
        assert_eq!(parked[0].error, "13 brings bad luck");
        assert_eq!((parked[0].key.as_str(), parked[0].attempts), ("account-ACC-001", 3));
        assert_eq!(parked[1].error, "waits behind event 2 of the same key");
        // endregion: parked
        mended.store(true, Ordering::SeqCst);
        // region: retry
        balances.retry(unlucky.position).await?; // or `skip`
        assert_eq!(balances.parked()?, []);
        assert_eq!(sqlite.rows("select cents from balances order by account")?, [[20], [0]]);
        // endregion: retry
        // region: orders
        let models = ReadModels::of(&path)?; // in another process
        for parked in models.parked("balances", None)? {
            models.order("balances", None, parked.position, Order::Retry)?;
        }
        // endregion: orders
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn followers_are_watched() {
    wait(async {
        let store = Store::in_memory();
        open(&store, "ACC-001").await?;
        let totals = Projector::view(&store, Totals::default()).await?;
        totals.catch_up().await?;
        // region: monitor
        for status in store.monitor().statuses() {
            println!(
                "{} {}: {}, {} events and {:?} behind, {:.0} a second, {} parked, {} errors",
                status.name,
                status.version,
                status.state,
                status.lag_events(),
                status.lag,
                status.rate,
                status.parked,
                status.errors,
            );
        }
        // endregion: monitor
        assert_eq!(store.monitor().statuses()[0].state, State::Live);
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn views_and_documents_are_read_models_too() {
    wait(async {
        let store = Store::in_memory();
        open(&store, "ACC-001").await?;
        // region: view
        let totals = Projector::view(&store, Totals::default()).await?;
        let saved = deposit(&store, "ACC-001", 1_500).await?;
        totals.reached(saved.position).await?;
        assert_eq!(totals.read(Clone::clone), Totals { accounts: 1, cents: 1_500 });
        // endregion: view
        // region: documents
        let place = DocumentsInMemory::default();
        let customers = Projector::start(&store, place.clone(), Customers).await?;
        customers.catch_up().await?;
        let account = place.get("accounts", "ACC-001").expect("it was opened");
        assert_eq!(account.to_string(), r#"{"last_move":1500,"owner":"Zoe"}"#);
        // endregion: documents
        Ok::<(), Error>(())
    })
    .unwrap();
}

/// A mail server that counts.
#[derive(Clone, Default)]
struct Mails(Arc<AtomicU64>, Arc<Mutex<Vec<EventId>>>);

impl Mails {
    fn send(&self, key: EventId) {
        self.0.fetch_add(1, Ordering::SeqCst);
        self.1.lock().unwrap().push(key);
    }
}

#[test]
fn a_reaction_has_an_effect_outside() {
    let directory = tempfile::tempdir().unwrap();
    let mails = Mails::default();
    let sent = Arc::clone(&mails.0);
    wait(async {
        let store = Store::in_memory();
        open(&store, "ACC-001").await?;
        // region: reaction
        let checkpoints = Checkpoints::in_directory(directory.path().join("checkpoints"))?;
        let target = checkpoints.of("welcome-mails", move |event: &StoredEvent| {
            mails.send(event.id()); // the event's id tells a repetition from a new mail
            Ok(())
        })?;
        let opened = Definition::new("welcome-mails", 1, Query::of_kinds(["AccountOpened"]));
        let settings = Settings { begin: Begin::FromNowOn, ..Settings::default() };
        let welcome = follow(&store, opened, target, settings)?;
        // endregion: reaction
        welcome.catch_up().await?;
        let saved = open(&store, "ACC-002").await?;
        welcome.reached(saved.position).await?;
        assert_eq!(sent.load(Ordering::SeqCst), 1, "the first was opened long ago");
        // region: look
        for file in checkpoint_files(directory.path().join("checkpoints"))? {
            println!("{}: {} parked", file.name(), file.parked()?.len());
        }
        // endregion: look
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn an_event_is_handled_once_by_a_table() {
    let mut connection = rusqlite::Connection::open_in_memory().unwrap();
    let event = EventId::new();
    let mut invoices = 0;
    for _ in 0..3 {
        let mut handle = || -> rusqlite::Result<()> {
            // region: once
            let transaction = connection.transaction()?;
            if handled_once(&transaction, "invoices", event, 10_000)? {
                invoices += 1; // write the invoice, in the same transaction
            }
            transaction.commit()
            // endregion: once
        };
        handle().unwrap();
    }
    assert_eq!(invoices, 1);
}
