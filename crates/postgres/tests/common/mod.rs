//! What the stories have in common: a database of their own, and a bank that is projected into it.

#![allow(dead_code, reason = "no story needs all of it")]

use std::sync::atomic::{AtomicUsize, Ordering};

use hitherto::{Append, Event, NewEvent, Projection, Recorded, Saved, Sql, Store};
use hitherto_services::{POSTGRES, from_environment};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A database that only one test uses.
pub struct Database {
    server: String,
    name: String,
    pub url: String,
}

impl Database {
    /// A new one; none where there is no server.
    pub fn new(what: &str) -> Option<Self> {
        Some(Self::on(&from_environment(POSTGRES, what)?))
    }

    /// A new one on this server.
    pub fn on(server: &str) -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        Session::open(server).run(&format!("create database {name}"));
        let (server, _) = server.rsplit_once('/').unwrap();
        let url = format!("{server}/{name}");
        Self { server: format!("{server}/postgres"), name, url }
    }

    /// A connection to look at it.
    pub fn session(&self) -> Session {
        Session::open(&self.url)
    }

    /// The rows of a query.
    pub fn rows(&self, query: &str) -> Vec<Vec<String>> {
        self.session().rows(query)
    }

    /// A user that has this setting.
    pub fn user_with(&self, setting: &str) -> String {
        let user = format!("{}_user", self.name);
        let mut session = self.session();
        session.run(&format!("create role {user} superuser login password 'word'"));
        session.run(&format!("alter role {user} set {setting}"));
        let (_, address) = self.url.rsplit_once('@').unwrap();
        format!("postgres://{user}:word@{address}")
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
pub struct Session {
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl Session {
    pub fn open(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        });
        Self { runtime, client }
    }

    pub fn run(&mut self, statements: &str) {
        self.runtime.block_on(self.client.batch_execute(statements)).unwrap();
    }

    pub fn rows(&mut self, query: &str) -> Vec<Vec<String>> {
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

    pub fn number(&mut self, query: &str) -> u64 {
        self.rows(query)[0][0].parse().unwrap()
    }
}

#[derive(Event, Debug, PartialEq)]
pub enum AccountEvent {
    AccountOpened { initial_deposit: u64 },
    MoneyDeposited { amount: u64 },
    MoneyWithdrawn { amount: u64 },
    AccountClosed {},
}
pub use AccountEvent::*;

/// Every account's balance, and every movement with its number: what is skipped or repeated shows.
pub struct Balances;

pub const TABLES: &str = "\
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
pub fn append(store: &Store, account: u64, event: &AccountEvent) -> Saved {
    let json = NewEvent::json(event.kind().name, event.encode().unwrap());
    hitherto::wait(store.append(Append::to(format!("account-{account}")).event(json))).unwrap()
}

/// So many accounts, each opened with 1,000.
pub fn open_accounts(store: &Store, accounts: u64) {
    for account in 0..accounts {
        append(store, account, &AccountOpened { initial_deposit: 1_000 });
    }
}
