//! What a projection does with its events: statements that are known before a transaction begins,
//! or whatever it does in one.

use std::sync::Arc;

use hitherto::projection::Statement;
use hitherto::runner::Failure;
use hitherto::{Projection, Recorded, Sql, StoredEvent};

use crate::connection::Connection;

/// A statement, and which event it is for.
pub(crate) struct Planned {
    pub(crate) event: usize,
    pub(crate) statement: Statement,
}

/// A projection, in either form.
pub(crate) trait Changes: Send + Sync + 'static {
    fn name(&self) -> &'static str;
    fn version(&self) -> u32;
    fn tables(&self) -> &'static str;

    /// Before a transaction begins: the statements that it knows of.
    fn plan(&self, events: &[StoredEvent]) -> Result<Vec<Planned>, Failure>;

    /// Whether it wants the transaction itself.
    fn is_in_transaction(&self) -> bool {
        false
    }

    /// What it does in the transaction.
    fn change(&self, _: &mut Connection, _: &[StoredEvent]) -> Result<(), Failure> {
        Ok(())
    }
}

/// The pure form.
pub(crate) struct Pure<P>(pub(crate) Arc<P>);

impl<P: Projection> Changes for Pure<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn version(&self) -> u32 {
        P::VERSION
    }

    fn tables(&self) -> &'static str {
        self.0.tables()
    }

    fn plan(&self, events: &[StoredEvent]) -> Result<Vec<Planned>, Failure> {
        let mut planned = Vec::with_capacity(events.len());
        for (event, stored) in events.iter().enumerate() {
            let fails = |error| Failure::of_event(event, error);
            let recorded = Recorded::<P::Event>::decode(stored.clone()).map_err(fails)?;
            let mut sql = Sql::default();
            self.0.project(&recorded, &mut sql);
            let statements = sql.into_statements().map_err(fails)?;
            planned.extend(statements.into_iter().map(|statement| Planned { event, statement }));
        }
        Ok(planned)
    }
}
