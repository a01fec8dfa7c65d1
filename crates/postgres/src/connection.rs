//! One connection, driven by the thread that uses it: there is no runtime besides.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use hitherto::projection::Value;
use hitherto::{Error, ErrorKind};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Row, Statement};

use crate::bound::Bound;
use crate::failure::Trouble;
use crate::placeholders::numbered;
use crate::server::Server;

/// Prepared statements that are kept; whoever makes up new ones for every event gets no further.
const STATEMENTS_MAX: usize = 500;
/// A transaction that nobody goes on with gives back its locks.
const SETTINGS: &str = "set idle_in_transaction_session_timeout = '60s'; set lock_timeout = 0";

/// An open connection.
pub(crate) struct Connection {
    client: Client,
    runtime: Runtime,
    statements: HashMap<String, Statement>,
}

/// A statement and its values, ready to be sent.
pub(crate) struct Step<'a> {
    statement: Statement,
    values: &'a [Value],
}

impl Connection {
    /// Connects, and makes sure of what every connection has to keep.
    pub(crate) fn open(server: &Server, purpose: &str) -> Result<Self, Trouble> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Trouble::Server(no_runtime(&error)))?;
        let client = runtime.block_on(server.connect(purpose))?;
        let mut connection = Self { client, runtime, statements: HashMap::new() };
        connection.batch(SETTINGS)?;
        server.check(&mut connection)?;
        Ok(connection)
    }

    /// Whether it is of no use any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Runs statements without values, separated by `;`.
    pub(crate) fn batch(&mut self, text: &str) -> Result<(), Trouble> {
        Ok(self.runtime.block_on(self.client.batch_execute(text))?)
    }

    /// Runs a statement with `?`, and says how many rows it has changed.
    pub(crate) fn execute(&mut self, text: &str, values: &[Value]) -> Result<u64, Trouble> {
        let step = self.prepare(text, values)?;
        let values = step.values.iter().map(Bound);
        Ok(self.runtime.block_on(self.client.execute_raw(&step.statement, values))?)
    }

    /// The rows of a statement with `?`.
    pub(crate) fn query(&mut self, text: &str, values: &[Value]) -> Result<Vec<Row>, Trouble> {
        let step = self.prepare(text, values)?;
        let values = step.values.iter().map(Bound).collect::<Vec<_>>();
        let values = values.iter().map(|value| value as _).collect::<Vec<_>>();
        Ok(self.runtime.block_on(self.client.query(&step.statement, &values))?)
    }

    /// The rows of a query that is run once, and has no values.
    pub(crate) fn query_as_it_is(&mut self, text: &str) -> Result<Vec<Row>, Trouble> {
        Ok(self.runtime.block_on(self.client.query(text, &[]))?)
    }

    /// Makes a statement ready. Done outside of a transaction, an error breaks none.
    pub(crate) fn prepare<'a>(
        &mut self,
        text: &str,
        values: &'a [Value],
    ) -> Result<Step<'a>, Trouble> {
        let statement = match self.statements.get(text) {
            Some(statement) => statement.clone(),
            None => self.prepare_anew(text)?,
        };
        let (expected, given) = (statement.params().len(), values.len());
        if expected != given {
            return Err(Trouble::Statement(Error::invalid(format!(
                "a statement has {expected} `?` and was given {given} values: {text}"
            ))));
        }
        Ok(Step { statement, values })
    }

    fn prepare_anew(&mut self, text: &str) -> Result<Statement, Trouble> {
        if self.statements.len() >= STATEMENTS_MAX {
            self.statements.clear();
        }
        let statement = self.runtime.block_on(self.client.prepare(&numbered(text)))?;
        self.statements.insert(text.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Runs all steps in order, without waiting in between. Says how many rows the last one has
    /// changed, or which one failed first.
    pub(crate) fn run(&mut self, steps: &[Step<'_>]) -> Result<u64, (usize, Trouble)> {
        self.runtime.block_on(run(&self.client, steps))
    }

    /// All of it in one transaction, or nothing.
    pub(crate) fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        self.batch("begin")?;
        let done = work(self).and_then(|done| self.batch("commit").map(|()| done));
        if done.is_err() {
            self.roll_back();
        }
        done
    }

    /// Takes back what a transaction has done.
    pub(crate) fn roll_back(&mut self) {
        // If this fails the connection is gone, and with it the transaction.
        let _ = self.batch("rollback");
    }

    /// Where names without a schema are looked up.
    pub(crate) fn look_into(&mut self, home: &str) -> Result<(), Trouble> {
        self.statements.clear();
        self.batch(&format!("set search_path to {}, public", quoted(home)))
    }
}

fn no_runtime(error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("this process cannot open a connection: {error}"))
}

/// A name between the quotes of SQL.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

async fn run(client: &Client, steps: &[Step<'_>]) -> Result<u64, (usize, Trouble)> {
    let mut answers = Vec::with_capacity(steps.len());
    for Step { statement, values } in steps {
        // A request is on its way as soon as it was looked at once; so they keep their order.
        let mut request = Box::pin(client.execute_raw(statement, values.iter().map(Bound)));
        let answer = poll_once(&mut request).await;
        answers.push((request, answer));
    }
    let mut rows = 0;
    for (index, (request, answer)) in answers.into_iter().enumerate() {
        let answer = if let Poll::Ready(answer) = answer { answer } else { request.await };
        rows = answer.map_err(|error| (index, error.into()))?;
    }
    Ok(rows)
}

async fn poll_once<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}
