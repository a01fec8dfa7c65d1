//! What the stories have in common: a database of their own, and a bank that is projected into it.

#![allow(dead_code, reason = "not every program needs all of it")]
#![allow(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hitherto::runner::{Retry, Settings};
use hitherto::{Append, Event, NewEvent, Projection, Projector, Recorded, Saved, Sql, Store, wait};
use hitherto_postgres::Postgres;
use hitherto_services::{POSTGRES, from_environment};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A database that only one test uses.
pub(crate) struct Database {
    server: String,
    name: String,
    pub(crate) url: String,
}

impl Database {
    /// A new one; none where there is no server.
    pub(crate) fn new(what: &str) -> Option<Self> {
        Some(Self::on(&from_environment(POSTGRES, what)?))
    }

    /// A new one on this server.
    pub(crate) fn on(server: &str) -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        Session::open(server).run(&format!("create database {name}"));
        let (server, _) = server.rsplit_once('/').unwrap();
        let url = format!("{server}/{name}");
        Self { server: format!("{server}/postgres"), name, url }
    }

    /// One more on the same server.
    pub(crate) fn another(&self) -> Self {
        Self::on(&self.server)
    }

    /// A connection to look at it.
    pub(crate) fn session(&self) -> Session {
        Session::open(&self.url)
    }

    /// The rows of a query.
    pub(crate) fn rows(&self, query: &str) -> Vec<Vec<String>> {
        self.session().rows(query)
    }

    /// A user that has this setting.
    pub(crate) fn user_with(&self, setting: &str) -> String {
        let user = format!("{}_user", self.name);
        self.session().run(&format!("create role {user} superuser login password 'word'"));
        self.let_user_have(setting);
        let (_, address) = self.url.rsplit_once('@').unwrap();
        format!("postgres://{user}:word@{address}")
    }

    /// Gives that user one more, from its next connection on.
    pub(crate) fn let_user_have(&self, setting: &str) {
        self.session().run(&format!("alter role {}_user set {setting}", self.name));
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let mut session = Session::open(&self.server);
            session.run(&format!("drop database {} with (force)", self.name));
            session.run(&format!("drop role if exists {}_user", self.name));
        }
    }
}

/// A connection that shows everything as text.
pub(crate) struct Session {
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl Session {
    pub(crate) fn open(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        });
        Self { runtime, client }
    }

    pub(crate) fn run(&mut self, statements: &str) {
        self.runtime.block_on(self.client.batch_execute(statements)).unwrap();
    }

    pub(crate) fn rows(&mut self, query: &str) -> Vec<Vec<String>> {
        let messages = self.runtime.block_on(self.client.simple_query(query)).unwrap();
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let cells = |row: tokio_postgres::SimpleQueryRow| {
            (0..row.len()).map(|column| row.get(column).unwrap_or("null").to_owned()).collect()
        };
        rows.map(cells).collect()
    }

    pub(crate) fn number(&mut self, query: &str) -> u64 {
        self.rows(query)[0][0].parse().unwrap()
    }
}

#[derive(Event, Debug, Clone, PartialEq)]
pub(crate) enum AccountEvent {
    AccountOpened { initial_deposit: u64 },
    MoneyDeposited { amount: u64 },
    MoneyWithdrawn { amount: u64 },
    AccountClosed {},
}
pub(crate) use AccountEvent::*;

/// Every account's balance, and every movement with its number: what is skipped or repeated shows.
pub(crate) struct Balances;

pub(crate) const TABLES: &str = "\
    create table balances (account text primary key, cents bigint not null check (cents >= 0)); \
    create table movements (position bigint primary key, account text not null, cents bigint)";

impl Projection for Balances {
    const NAME: &'static str = "balances";
    type Event = AccountEvent;

    fn tables(&self) -> &'static str {
        TABLES
    }

    fn project(&self, event: &Recorded<AccountEvent>, sql: &mut Sql) {
        let account = event.stream_id();
        let cents = match &event.data {
            AccountOpened { initial_deposit } => {
                sql.run("insert into balances values (?, ?)", (account, initial_deposit));
                i64::try_from(*initial_deposit).unwrap()
            }
            MoneyDeposited { amount } => {
                sql.run(
                    "update balances set cents = cents + ? where account = ?",
                    (amount, account),
                );
                i64::try_from(*amount).unwrap()
            }
            MoneyWithdrawn { amount } => {
                sql.run(
                    "update balances set cents = cents - ? where account = ?",
                    (amount, account),
                );
                -i64::try_from(*amount).unwrap()
            }
            AccountClosed {} => {
                sql.run("delete from balances where account = ?", (account,));
                return;
            }
        };
        sql.run("insert into movements values (?, ?, ?)", (event.position(), account, cents));
    }
}

/// Appends an event to an account.
pub(crate) fn append(store: &Store, account: u64, event: &AccountEvent) -> Saved {
    let json = NewEvent::json(event.kind().name, event.encode().unwrap());
    wait(store.append(Append::to(format!("account-{account}")).event(json))).unwrap()
}

/// So many accounts, each opened with 1,000.
pub(crate) fn open_accounts(store: &Store, accounts: u64) {
    for account in 0..accounts {
        append(store, account, &AccountOpened { initial_deposit: 1_000 });
    }
}

/// Money moves between accounts, at random; accounts are overdrawn by nothing of it.
pub(crate) fn move_money(store: &Store, accounts: u64, events: u64, random: &mut Random) {
    for _ in 0..events {
        let (account, amount) = (random.below(accounts), 1 + random.below(9));
        append(store, account, &MoneyDeposited { amount });
        append(store, account, &MoneyWithdrawn { amount });
    }
}

/// All rows of the read model, in order.
pub(crate) fn model(database: &Database) -> [Vec<Vec<String>>; 2] {
    ["balances", "movements"]
        .map(|table| database.rows(&format!("select * from balances.{table} order by 1")))
}

/// What was built in whatever way is what a fresh build gives, row by row.
pub(crate) fn assert_is_as_built_afresh(store: &Store, database: &Database) {
    let other = database.another();
    let place = Postgres::connect(&other.url).unwrap();
    let projector = wait(Projector::start(store, place, Balances).into_future()).unwrap();
    wait(projector.catch_up()).unwrap();
    assert!(model(database) == model(&other), "{:?}\n{:?}", model(database), model(&other));
}

/// As many attempts as usual, with next to no pause between them.
pub(crate) fn quick(partitions: u32) -> Settings {
    let pause = Duration::from_millis(1);
    let retry = Retry { attempts: 3, first_pause: pause, longest_pause: pause };
    Settings { partitions, batch: 50, retry, ..Settings::default() }
}

/// Numbers from a seed that is printed, so that a failure can be told.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        let seed = RandomState::new().build_hasher().finish();
        println!("seed {seed}");
        Self(seed)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}
