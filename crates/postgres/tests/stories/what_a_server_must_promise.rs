//! What cannot work, or would not keep what it promises, is refused with a reason before anything
//! is done; and who was replaced cannot commit any more.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use crate::common::{
    AccountEvent, Balances, Database, MoneyDeposited, append, assert_is_as_built_afresh,
    open_accounts, quick,
};
use hitherto::runner::Ended;
use hitherto::{ErrorKind, Projection, Projector, Recorded, Sql, Store, wait};
use hitherto_postgres::Postgres;

fn refused(url: &str) -> (ErrorKind, String) {
    let error = Postgres::connect(url).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn a_server_that_forgets_is_refused_unless_that_is_wanted() {
    let Some(database) = Database::new("servers that forget") else { return };
    let forgetful = database.user_with("synchronous_commit = off");
    let (kind, said) = refused(&forgetful);
    assert_eq!(kind, ErrorKind::Invalid);
    assert!(
        said.contains("synchronous_commit is off") && said.contains("that_may_forget"),
        "{said}"
    );
    Postgres::that_may_forget(&forgetful).unwrap();
}

#[test]
fn an_address_that_is_none_or_where_nothing_is_is_named() {
    let (kind, said) = refused("postgres://host:not-a-port/x");
    assert!(kind == ErrorKind::Invalid && said.contains("postgres://user:password@host"), "{said}");
    let (kind, said) = refused("postgres://someone@127.0.0.1:1/x");
    assert!(kind == ErrorKind::Unavailable && said.contains("PostgreSQL"), "{said}");
    let Some(database) = Database::new("wrong addresses") else { return };
    let (_, address) = database.url.rsplit_once('@').unwrap();
    let (kind, said) = refused(&format!("postgres://nobody:word@{address}"));
    assert!(kind == ErrorKind::Unavailable && said.contains("nobody"), "{said}");
    assert!(!said.contains("word@"), "no password is shown: {said}");
}

/// A projection that is only a name and tables.
macro_rules! tables {
    ($($projection:ident: $name:literal $version:literal $tables:expr;)*) => {$(
        struct $projection;

        impl Projection for $projection {
            const NAME: &'static str = $name;
            const VERSION: u32 = $version;
            type Event = AccountEvent;

            fn tables(&self) -> &'static str {
                $tables
            }

            fn project(&self, _: &Recorded<AccountEvent>, _: &mut Sql) {}
        }
    )*};
}

tables! {
    Changed: "balances" 1 "create table balances (account text)";
    Misspelt: "misspelt" 1 "create tabel misspelt (a int)";
    Taken: "taken" 1 "create table t (a int)";
    Bookkeeping: "hitherto" 1 "create table t (a int)";
    Long: "a-name-that-is-far-too-long-for-a-schema-of-postgresql" 1 "create table t (a int)";
    Halfway: "halfway" 1 "create table a (a int); create table a (a int)";
}

#[test]
fn a_projection_that_cannot_be_opened_says_why_and_leaves_nothing_behind() {
    let Some(database) = Database::new("projections that cannot be opened") else { return };
    let store = Store::in_memory();
    let place = Postgres::connect(&database.url).unwrap();
    drop(wait(Projector::start(&store, place.clone(), Balances).into_future()).unwrap());
    database.session().run("create schema taken");
    let schemas = "select nspname from pg_namespace where nspname !~ '^pg_' order by 1";
    let before = database.rows(schemas);
    macro_rules! says {
        ($projection:ident, $why:literal) => {
            let starting = Projector::start(&store, place.clone(), $projection);
            let said = wait(starting.into_future()).unwrap_err().to_string();
            assert!(said.contains($why), "{said}");
        };
    }
    says!(Changed, "raise its VERSION");
    says!(Misspelt, "syntax error at or near \"tabel\"");
    says!(Taken, "the schema \"taken\" for the tables of taken could not be made");
    says!(Bookkeeping, "the schema \"hitherto\" for the tables");
    says!(Long, "50 letters at most");
    says!(Halfway, "relation \"a\" already exists");
    assert_eq!(database.rows(schemas), before);
}

#[test]
fn who_was_replaced_cannot_commit_any_more() {
    let Some(database) = Database::new("a process that was replaced") else { return };
    let store = Store::in_memory();
    open_accounts(&store, 3);
    let start = || {
        let place = Postgres::connect(&database.url).unwrap();
        wait(Projector::start(&store, place, Balances).settings(quick(2)).into_future()).unwrap()
    };
    let first = start();
    wait(first.catch_up()).unwrap();
    let second = start();
    for account in [0, 1, 2] {
        append(&store, account, &MoneyDeposited { amount: 1 });
    }
    wait(second.catch_up()).unwrap();
    assert_eq!(wait(first.ended()), Ended::TakenOver);
    assert_is_as_built_afresh(&store, &database);
}
