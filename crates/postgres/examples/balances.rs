//! A bank's balances in PostgreSQL: built, read, built anew beside, compared, switched, taken back.
//!
//! `cargo run -p hitherto-postgres --example balances postgres://user:password@host/database`

use hitherto::projection::KeptModels;
use hitherto::{Append, Event, NewEvent, Projection, Projector, Recorded, Saved, Sql, Store};
use hitherto_postgres::{Postgres, ReadModels};

// region: projection
#[derive(Event)]
enum AccountEvent {
    AccountOpened { owner: String },
    MoneyDeposited { amount: u64 },
}
use AccountEvent::{AccountOpened, MoneyDeposited};

/// Every account's balance, for the branch screen.
struct Balances;

impl Projection for Balances {
    const NAME: &'static str = "balances";
    type Event = AccountEvent;

    fn tables(&self) -> &'static str {
        "create table accounts (account text primary key, owner text not null, cents bigint not null);
         create index on accounts (owner)"
    }

    fn project(&self, event: &Recorded<AccountEvent>, sql: &mut Sql) {
        let account = event.stream_id();
        match &event.data {
            AccountOpened { owner } => {
                sql.run("insert into accounts values (?, ?, 0)", (account, owner));
            }
            MoneyDeposited { amount } => sql
                .run("update accounts set cents = cents + ? where account = ?", (amount, account)),
        }
    }
}
// endregion: projection

// region: version
/// The same, with the number of deposits.
struct CountedBalances;

impl Projection for CountedBalances {
    const NAME: &'static str = "balances";
    const VERSION: u32 = 2;
    type Event = AccountEvent;

    fn tables(&self) -> &'static str {
        "create table accounts (account text primary key, owner text not null, cents bigint not null,
                                deposits int not null);
         create index on accounts (owner)"
    }
    // endregion: version

    fn project(&self, event: &Recorded<AccountEvent>, sql: &mut Sql) {
        let account = event.stream_id();
        match &event.data {
            AccountOpened { owner } => {
                sql.run("insert into accounts values (?, ?, 0, 0)", (account, owner));
            }
            MoneyDeposited { amount } => sql.run(
                "update accounts set cents = cents + ?, deposits = deposits + 1 where account = ?",
                (amount, account),
            ),
        }
    }
}

async fn append(store: &Store, account: &str, event: AccountEvent) -> hitherto::Result<Saved> {
    let event = NewEvent::json(event.kind().name, event.encode()?);
    store.append(Append::to(format!("account-{account}")).event(event)).await
}

/// Tells it, and says what it has seen.
pub(crate) async fn story(url: &str) -> hitherto::Result<Vec<String>> {
    let store = Store::in_memory();
    let mut seen = Vec::new();
    append(&store, "ACC-001", AccountOpened { owner: "Zoë".to_owned() }).await?;
    // region: start
    let postgres = Postgres::connect(url)?;
    let balances = Projector::start(&store, postgres.clone(), Balances).partitions(2).await?;

    let saved = append(&store, "ACC-001", MoneyDeposited { amount: 1_500 }).await?;
    balances.reached(saved.position).await?; // read your own write
    // endregion: start
    seen.push(format!("{} at position {}", balances.status().state, balances.status().position));

    // region: beside
    let by_hand = postgres.switch_by_hand(); // otherwise it takes over when it has caught up
    let counted = Projector::start(&store, by_hand, CountedBalances).await?;
    counted.catch_up().await?;

    let models = ReadModels::of(url)?; // also from another process, or `hitherto projections`
    let comparison = models.compare("balances", None)?;
    for table in &comparison.tables {
        seen.push(format!(
            "{}: {} of {} rows differ, {:?} is new",
            table.table, table.only_beside, table.beside_rows, table.other_columns
        ));
    }
    models.switch("balances", Some(2))?;
    // endregion: beside
    let saved = append(&store, "ACC-001", MoneyDeposited { amount: 1 }).await?;
    counted.reached(saved.position).await?;
    seen.push(format!("version {} is read", models.list()?[1].version));
    // region: back
    let version = models.roll_back("balances")?;
    // endregion: back
    seen.push(format!("version {version} is read again"));
    Ok(seen)
}

#[allow(dead_code, reason = "a test tells the story without it")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("say where: postgres://user:password@host/database")?;
    for line in hitherto::wait(story(&url))? {
        println!("{line}");
    }
    Ok(())
}
