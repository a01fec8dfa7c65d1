//! The pure form: a projection's statements, run with their values.

use std::sync::Arc;

use hitherto::projection::{Definition, Place, Projection, Statement, Value};
use hitherto::runner::{Failure, Target};
use hitherto::{Error, Recorded, Sql, StoredEvent};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{ToSql, Transaction, params_from_iter};

use crate::error::{of_event, shortened};
use crate::session::{Apply, Opened, Session};
use crate::sqlite::Sqlite;

/// What would end the transaction, or reach beyond it.
const NOT_IN_A_PROJECTION: [&str; 9] =
    ["begin", "commit", "end", "rollback", "savepoint", "release", "attach", "detach", "vacuum"];

impl<P: Projection> Place<P> for Sqlite {
    fn define(&self, projection: &Arc<P>) -> Definition {
        Definition::of(projection)
    }

    fn open(&mut self, projection: &Arc<P>) -> Result<Box<dyn Target>, Failure> {
        let pure = Pure(Arc::clone(projection));
        Ok(Box::new(Opened(Session::open(self, P::NAME, P::VERSION, pure)?)))
    }
}

struct Pure<P>(Arc<P>);

impl<P: Projection> Apply for Pure<P> {
    type Prepared = Vec<Sql>;

    fn tables(&self) -> &'static str {
        self.0.tables()
    }

    fn prepare(&self, events: &[StoredEvent]) -> Result<Vec<Sql>, Failure> {
        let mut prepared = Vec::with_capacity(events.len());
        for (index, stored) in events.iter().enumerate() {
            let of_event = |error| Failure::of_event(index, error);
            let event = Recorded::decode(stored.clone()).map_err(of_event)?;
            let mut sql = Sql::default();
            self.0.project(&event, &mut sql);
            for statement in sql.statements().map_err(of_event)? {
                check(statement).map_err(of_event)?;
            }
            prepared.push(sql);
        }
        Ok(prepared)
    }

    fn apply(&self, prepared: &Vec<Sql>, transaction: &Transaction<'_>) -> Result<(), Failure> {
        for (index, sql) in prepared.iter().enumerate() {
            let statements = sql.statements().map_err(|error| Failure::of_event(index, error))?;
            for statement in statements {
                run(transaction, statement)
                    .map_err(|error| of_event(index, error, &statement.text))?;
            }
        }
        Ok(())
    }
}

fn run(transaction: &Transaction<'_>, statement: &Statement) -> rusqlite::Result<()> {
    let mut prepared = transaction.prepare_cached(&statement.text)?;
    let values = params_from_iter(statement.values.iter().map(Bound));
    if prepared.column_count() == 0 {
        return prepared.execute(values).map(drop);
    }
    let mut rows = prepared.query(values)?; // `returning`, which nobody looks at
    while rows.next()?.is_some() {}
    Ok(())
}

fn check(statement: &Statement) -> hitherto::Result<()> {
    let first = statement.text.split_whitespace().next().unwrap_or_default();
    let first = first.trim_end_matches(';');
    if NOT_IN_A_PROJECTION.iter().any(|word| word.eq_ignore_ascii_case(first)) {
        return Err(Error::invalid(format!(
            "`{}` has no place in a projection: its statements are part of a transaction",
            shortened(&statement.text)
        )));
    }
    Ok(())
}

/// A value as the driver takes it.
struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Bool(yes) => ValueRef::Integer(i64::from(*yes)),
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Real(number) => ValueRef::Real(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
