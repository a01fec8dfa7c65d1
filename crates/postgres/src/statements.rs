//! What a handler runs for its events: the statements of a projection.

use std::sync::Arc;

use hitherto::projection::Statement;
use hitherto::runner::Failure;
use hitherto::{Projection, Recorded, Sql, StoredEvent};

/// A statement, and which event it is for.
pub(crate) struct Planned {
    pub(crate) event: usize,
    pub(crate) statement: Statement,
}

/// What the events of a projection change. It is asked before a transaction begins.
pub(crate) fn plan<P: Projection>(
    projection: &Arc<P>,
    events: &[StoredEvent],
) -> Result<Vec<Planned>, Failure> {
    let mut planned = Vec::with_capacity(events.len());
    for (event, stored) in events.iter().enumerate() {
        let fails = |error| Failure::of_event(event, error);
        let recorded = Recorded::<P::Event>::decode(stored.clone()).map_err(fails)?;
        let mut sql = Sql::default();
        projection.project(&recorded, &mut sql);
        let statements = sql.statements().map_err(fails)?;
        planned.extend(statements.iter().map(|statement| {
            Planned { event, statement: statement.clone() }
        }));
    }
    Ok(planned)
}
