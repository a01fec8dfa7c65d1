//! Reading by queries, and following into a read model that survives a restart.

use std::collections::BTreeMap;

use hitherto::{
    Error, Event as _, Outcome as _, Position, Query, Recorded, Repository, Result, Store, wait,
};
use hitherto_example_bank::AccountEvent::{
    self, AccountClosed, AccountOpened, MoneyDeposited, MoneyWithdrawn,
};
use hitherto_example_bank::BankAccount;

// region: view
/// What is on every account: a read model in memory.
#[derive(Debug, Default, PartialEq)]
struct Balances {
    cents: BTreeMap<String, u64>,
    seen: Position,
}

impl Balances {
    /// Handles an event; one that was handled before changes nothing.
    fn handle(&mut self, event: &Recorded<AccountEvent>) {
        if event.position() <= self.seen {
            return;
        }
        let balance = self.cents.entry(event.stream_id().to_string()).or_default();
        match &event.data {
            AccountOpened { initial_deposit, .. } => *balance = *initial_deposit,
            MoneyDeposited { amount } => *balance += amount,
            MoneyWithdrawn { amount } => *balance -= amount,
            AccountClosed => {
                self.cents.remove(event.stream_id());
            }
        }
        self.seen = event.position();
    }
}
// endregion: view

// region: follow
/// Brings the balances up to a position, and waits for it if it is still to come.
async fn follow(store: &Store, balances: &mut Balances, until: Position) -> Result<()> {
    let query = Query::category("account").after(balances.seen).up_to(until);
    let mut events = store.follow_as::<AccountEvent>(query);
    while let Some(event) = events.next_event().await {
        balances.handle(&event?);
    }
    Ok(())
}
// endregion: follow

/// Two accounts, opened and used.
async fn bank() -> Result<(Store, Repository<BankAccount>)> {
    let store = Store::in_memory();
    let accounts = Repository::<BankAccount>::new(&store);
    accounts.update("ACC-001", |account| account.open("ACC-001", 1_000)).await.must()?;
    accounts.update("ACC-002", |account| account.open("ACC-002", 0)).await.must()?;
    accounts.update("ACC-001", |account| account.withdraw(300)).await.must()?;
    accounts.update("ACC-002", |account| account.deposit(300)).await.must()?;
    Ok((store, accounts))
}

fn kinds(store: &Store, query: Query) -> Result<Vec<String>> {
    store.read(query).map(|event| Ok(event?.kind().to_string())).collect()
}

#[test]
fn a_query_says_which_events_and_between_which_bounds() {
    wait(async {
        let (store, _) = bank().await?;
        // region: queries
        let after_the_first = Query::stream("account-ACC-001").after_version(1);
        let movements = Query::category("account").kinds(["MoneyDeposited", "MoneyWithdrawn"]);
        let newest = Query::all().backward().limit(2);
        let either = Query::stream("account-ACC-002").or(Query::of_kinds(["MoneyWithdrawn"]));
        // endregion: queries
        assert_eq!(kinds(&store, after_the_first)?, ["MoneyWithdrawn"]);
        assert_eq!(kinds(&store, movements)?, ["MoneyWithdrawn", "MoneyDeposited"]);
        assert_eq!(kinds(&store, newest)?, ["MoneyDeposited", "MoneyWithdrawn"]);
        assert_eq!(kinds(&store, either)?, ["AccountOpened", "MoneyWithdrawn", "MoneyDeposited"]);
        Ok::<(), Error>(())
    })
    .expect("a store in memory works");
}

#[test]
fn events_are_read_as_they_were_stored_or_as_types() {
    wait(async {
        let (store, _) = bank().await?;
        // region: typed
        let mut stored = store.read(Query::stream("account-ACC-002").after_version(1));
        let event = stored.next_event().await.expect("there are two")?;
        assert_eq!((event.kind(), event.payload()), ("MoneyDeposited", &br#"{"amount":300}"#[..]));

        let mut typed = store.read_as::<AccountEvent>(Query::stream("account-ACC-002"));
        let event = typed.next_event().await.expect("there are two")?;
        assert_eq!((event.data.kind().name, event.version()), ("AccountOpened", 1));
        // endregion: typed
        Ok::<(), Error>(())
    })
    .expect("a store in memory works");
}

#[test]
fn a_read_model_goes_on_where_it_stopped_and_minds_no_repetition() {
    wait(async {
        let (store, accounts) = bank().await?;
        let mut balances = Balances::default();
        follow(&store, &mut balances, store.head().await?).await?;
        assert_eq!(balances.cents, [("ACC-001".into(), 700), ("ACC-002".into(), 300)].into());

        // region: own-write
        let saved = accounts.update("ACC-001", |account| account.deposit(50)).await.must()?;
        follow(&store, &mut balances, saved.position).await?;
        assert_eq!(balances.cents["ACC-001"], 750);
        // endregion: own-write

        for event in store.read_as::<AccountEvent>(Query::all()) {
            balances.handle(&event?);
        }
        assert_eq!(balances.cents["ACC-001"], 750);
        Ok::<(), Error>(())
    })
    .expect("a store in memory works");
}

#[test]
fn a_read_model_can_be_thrown_away_and_built_again() {
    wait(async {
        let (store, _) = bank().await?;
        let head = store.head().await?;
        let (mut first, mut rebuilt) = (Balances::default(), Balances::default());
        follow(&store, &mut first, head).await?;
        follow(&store, &mut rebuilt, head).await?;
        assert_eq!(first, rebuilt);
        Ok::<(), Error>(())
    })
    .expect("a store in memory works");
}

#[test]
fn a_follower_waits_for_what_is_still_to_come() {
    let store = Store::in_memory();
    let follower = std::thread::spawn({
        let store = store.clone();
        move || {
            let mut balances = Balances::default();
            wait(follow(&store, &mut balances, Position(1))).map(|()| balances)
        }
    });
    let accounts = Repository::<BankAccount>::new(&store);
    wait(accounts.update("ACC-001", |account| account.open("ACC-001", 1_000)))
        .expect("nothing was there");
    let balances = follower.join().expect("the follower does not panic").expect("it reads");
    assert_eq!(balances.cents["ACC-001"], 1_000);
}
