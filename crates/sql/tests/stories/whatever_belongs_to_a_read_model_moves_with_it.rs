//! Tables of every sort, indexes, views and triggers come along at a switch and at a rollback.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use crate::bank::{AccountEvent, AccountOpened, MoneyDeposited, happens};
use hitherto::projection::KeptModels as _;
use hitherto::projection::{Place, Value};
use hitherto::{Projection, Projector, Recorded, Sql, Store, wait};
use hitherto_sql::{ReadModels, Sqlite};

struct Everything<const VERSION: u32>;

impl<const VERSION: u32> Projection for Everything<VERSION> {
    const NAME: &'static str = "everything";
    const VERSION: u32 = VERSION;
    type Event = AccountEvent;

    fn tables(&self) -> &'static str {
        "create table owners (id integer primary key autoincrement, \"the name\" text unique);
         create table accounts (
             account text primary key,
             owner integer not null references owners (id),
             cents integer not null,
             euros integer generated always as (cents / 100) stored
         ) without rowid;
         create virtual table words using fts5 (word);
         create table changes (what text);
         create index accounts_by_half on accounts (cents / 2) where cents > 0;
         create view poor as select account from accounts where euros < 20;
         create trigger changed after update on accounts
         begin insert into changes values (new.account || ' has ' || new.cents); end;"
    }

    fn project(&self, event: &Recorded<AccountEvent>, sql: &mut Sql) {
        let account = event.stream_id();
        match &event.data {
            AccountOpened { initial_deposit } => {
                sql.run("insert into owners (\"the name\") values (?)", (account,));
                sql.run(
                    "insert into accounts values (?, last_insert_rowid(), ?)",
                    (account, initial_deposit),
                );
                sql.run("insert into words values (?)", (format!("account {account} opened"),));
            }
            MoneyDeposited { amount } => {
                let add = "update accounts set cents = cents + ? where account = ?";
                sql.run(add, (amount, account));
            }
            AccountEvent::MoneyWithdrawn { .. } => {
                sql.run("delete from owners where id = 99", ());
            }
        }
    }
}

const QUERIES: [&str; 5] = [
    "select * from owners order by id",
    "select * from accounts order by account",
    "select word from words where words match 'opened' order by word",
    "select * from changes order by what",
    "select * from poor order by account",
];

fn all(sqlite: &Sqlite) -> Vec<Vec<Vec<Value>>> {
    QUERIES.iter().map(|query| sqlite.rows(query).unwrap()).collect()
}

fn run<P: Projection>(store: &Store, sqlite: &Sqlite, projection: P)
where
    Sqlite: Place<P>,
{
    let started = wait(Projector::start(store, sqlite.clone(), projection).into_future()).unwrap();
    let status = wait(started.catch_up()).unwrap();
    assert_eq!(status.parked, 0, "{:?}", started.parked());
}

#[test]
fn at_a_switch_and_at_a_rollback() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read.db");
    let store = Store::in_memory();
    for account in 0..4 {
        happens(&store, account, &AccountOpened { initial_deposit: 1_000 * account });
        happens(&store, account, &MoneyDeposited { amount: 7 });
    }
    let sqlite = Sqlite::open(&path).unwrap();
    run(&store, &sqlite, Everything::<1>);
    let before = all(&sqlite);
    assert_eq!(before.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 4, 4, 2]);

    run(&store, &sqlite, Everything::<2>); // switches
    assert_eq!(all(&sqlite), before);
    happens(&store, 9, &AccountOpened { initial_deposit: 1 });
    happens(&store, 9, &MoneyDeposited { amount: 7 });
    run(&store, &sqlite, Everything::<2>);
    let after = all(&sqlite);
    assert_eq!(after.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5, 5, 5, 3]);

    assert_eq!(ReadModels::of(&path).unwrap().roll_back("everything").unwrap(), 1);
    assert_eq!(all(&sqlite), before, "as it was at the switch");
    run(&store, &sqlite, Everything::<1>);
    assert_eq!(all(&sqlite), after, "and it goes on from there");
}
