//! Bad input gets a named error, and nothing is half done.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use crate::bank::{AccountEvent, AccountOpened, Balances, MoneyDeposited, happens, quick};
use hitherto::projection::KeptModels as _;
use hitherto::runner::Order;
use hitherto::{Position, Projection, Projector, Recorded, Result, Sql, Store, wait};
use hitherto_sql::{ReadModels, Sqlite};

/// Says what it is told to, for every event.
struct Says<const VERSION: u32> {
    tables: &'static str,
    statement: &'static str,
}

impl<const VERSION: u32> Projection for Says<VERSION> {
    const NAME: &'static str = "says";
    const VERSION: u32 = VERSION;
    type Event = AccountEvent;

    fn tables(&self) -> &'static str {
        self.tables
    }

    fn project(&self, event: &Recorded<AccountEvent>, sql: &mut Sql) {
        match event.data {
            MoneyDeposited { amount } => sql.run("insert into said values (?)", (amount,)),
            _ => sql.run(self.statement, ()),
        }
    }
}

const SAID: &str = "create table said (number integer primary key)";

fn start(store: &Store, sqlite: &Sqlite, says: Says<1>) -> Result<Projector<Sqlite>> {
    wait(Projector::start(store, sqlite.clone(), says).settings(quick(1)).into_future())
}

/// Why an event was parked for which this statement was said.
fn reason(statement: &'static str) -> String {
    let (store, sqlite) = (Store::in_memory(), Sqlite::in_memory().unwrap());
    let says = start(&store, &sqlite, Says { tables: SAID, statement }).unwrap();
    happens(&store, 1, &MoneyDeposited { amount: 1 });
    let position = happens(&store, 1, &AccountOpened { initial_deposit: 1 });
    wait(says.reached(position)).unwrap();
    assert_eq!(sqlite.rows("select * from said").unwrap(), [[1]], "and nothing else");
    says.parked().unwrap().remove(0).error
}

#[test]
fn a_statement_that_cannot_be_run_parks_its_event_with_what_the_database_says() {
    let cases = [
        ("insert into sad values (1)", "no such table: sad"),
        ("insert into said values (1)", "UNIQUE constraint failed: said.number"),
        ("insert into said values ('x')", "datatype mismatch"),
        ("insert into said values (?)", "Wrong number of parameters"),
        ("commit", "has no place in a projection"),
        ("insert to said", "near \"to\": syntax error"),
    ];
    for (statement, expected) in cases {
        let reason = reason(statement);
        assert!(reason.contains(expected), "{statement}: {reason}");
    }
}

#[test]
fn a_number_that_no_database_has_parks_its_event() {
    let (store, sqlite) = (Store::in_memory(), Sqlite::in_memory().unwrap());
    let says = start(&store, &sqlite, Says { tables: SAID, statement: "select 1" }).unwrap();
    let position = happens(&store, 1, &MoneyDeposited { amount: u64::MAX });
    wait(says.reached(position)).unwrap();
    let error = says.parked().unwrap().remove(0).error;
    assert!(error.contains("18446744073709551615 is more than a database can keep"), "{error}");
}

#[test]
fn tables_that_changed_without_a_new_version_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let sqlite = Sqlite::open(directory.path().join("read.db")).unwrap();
    let store = Store::in_memory();
    drop(start(&store, &sqlite, Says { tables: SAID, statement: "" }).unwrap());
    let tables = "create table said (number integer primary key, more text)";
    let error = start(&store, &sqlite, Says { tables, statement: "" }).unwrap_err();
    assert!(error.to_string().contains("raise its VERSION"), "{error}");
}

#[test]
fn tables_that_are_somebody_elses_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read.db");
    let theirs = rusqlite::Connection::open(&path).unwrap();
    theirs.execute_batch("create table said (mine text); insert into said values ('x')").unwrap();
    drop(theirs);
    let sqlite = Sqlite::open(&path).unwrap();
    let error = start(&Store::in_memory(), &sqlite, Says { tables: SAID, statement: "" });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("there is a said in the file already"), "{error}");
    assert_eq!(sqlite.rows("select * from said").unwrap(), [["x"]]);
    let broken = Says { tables: "create tabel said", statement: "" };
    let error = start(&Store::in_memory(), &sqlite, broken).unwrap_err().to_string();
    assert!(error.contains("syntax error"), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read.db");
    std::fs::write(&path, "this is a letter to my aunt, and longer than a header".repeat(50))
        .unwrap();
    let error = Sqlite::open(&path).unwrap_err().to_string();
    assert!(error.contains("read.db") && error.contains("not a database"), "{error}");
}

#[test]
fn what_is_not_there_cannot_be_switched_skipped_or_compared() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read.db");
    assert!(ReadModels::of(&path).unwrap_err().to_string().contains("there is no file"));
    let (store, sqlite) = (Store::in_memory(), Sqlite::open(&path).unwrap());
    happens(&store, 1, &AccountOpened { initial_deposit: 1 });
    let balances = wait(Projector::start(&store, sqlite, Balances).into_future()).unwrap();
    wait(balances.catch_up()).unwrap();
    let models = ReadModels::of(&path).unwrap();
    let says = |result: Result<u32>| result.unwrap_err().to_string();
    assert!(says(models.switch("salaries", None)).contains("there is no projection salaries"));
    assert!(says(models.switch("balances", None)).contains("no other version of balances"));
    assert!(says(models.switch("balances", Some(9))).contains("no version 9 of balances"));
    assert!(says(models.roll_back("balances")).contains("no other version of balances"));
    let skipped = models.order("balances", None, Position(1), Order::Skip).unwrap_err();
    assert!(skipped.to_string().contains("nothing is parked at position 1"), "{skipped}");
    assert!(models.parked("balances", Some(7)).is_err());
}

#[test]
fn an_order_from_another_process_is_carried_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read.db");
    let (store, sqlite) = (Store::in_memory(), Sqlite::open(&path).unwrap());
    let says = Says { tables: SAID, statement: "insert into said values (1)" };
    let says = start(&store, &sqlite, says).unwrap();
    happens(&store, 1, &MoneyDeposited { amount: 1 });
    let poison = happens(&store, 1, &AccountOpened { initial_deposit: 1 });
    let behind = happens(&store, 1, &MoneyDeposited { amount: 3 });
    wait(says.reached(behind)).unwrap();
    drop(says); // nobody runs it when the order is given: it is kept
    let models = ReadModels::of(&path).unwrap();
    assert_eq!(models.parked("says", None).unwrap().len(), 2);
    models.order("says", None, poison, Order::Skip).unwrap();

    let says = Says { tables: SAID, statement: "insert into said values (1)" };
    let says = start(&store, &sqlite, says).unwrap();
    let position = happens(&store, 1, &MoneyDeposited { amount: 4 });
    wait(says.reached(position)).unwrap();
    wait(says.retry(behind)).ok(); // looks for orders now, if it has not yet
    assert_eq!(models.parked("says", None).unwrap(), []);
    assert_eq!(sqlite.rows("select * from said").unwrap(), [[1], [3], [4]]);
}
