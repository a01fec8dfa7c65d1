//! Places: where what projections say is kept, with how far it has come.

use std::borrow::Cow;
use std::sync::Arc;

use hitherto_store::Query;

use super::Projection;
use crate::event::{Event, narrowed};
use crate::runner::Failure;
use crate::runner::Target;
use crate::{Error, Result, StoredEvent};

/// Where projections of a sort are kept: a database, a search index, this process's memory.
///
/// A place that takes [`Projection`]s implements `impl<P: Projection> Place<P>`. It keeps what is
/// read, the positions and what is parked in one transaction.
pub trait Place<P>: Send + 'static {
    /// What the runner has to know about a projection: [`Definition::of`], for the most part.
    fn define(&self, projection: &Arc<P>) -> Definition;

    /// Opens what is kept for a projection, and makes it if nothing is there. What was kept by
    /// another version stays what is read, and this one is built beside it.
    ///
    /// # Errors
    /// `Unavailable` is retried; `Ended` if this version must not run.
    fn open(&mut self, projection: &Arc<P>) -> Result<Box<dyn Target>, Failure>;
}

/// What tells which event belongs together: see [`Projection::key`].
pub type KeyOf = Arc<dyn for<'a> Fn(&'a StoredEvent) -> Cow<'a, str> + Send + Sync>;

/// A follower as the runner sees it: what it is called, and which events go where.
#[derive(Clone)]
pub struct Definition {
    /// What it is called.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// Which events it follows, without bounds.
    pub query: Query,
    /// What has to stay in order.
    pub key: KeyOf,
}

impl Definition {
    /// A follower of events as they are stored, with the stream as the key.
    pub fn new(name: impl Into<String>, version: u32, query: Query) -> Self {
        let query = Query { items: query.items, ..Query::default() };
        Self { name: name.into(), version, query, key: Arc::new(super::by_stream) }
    }

    /// A follower of events of a type: the query is narrowed to its kinds, unless it names some.
    pub fn typed<E: Event>(name: impl Into<String>, version: u32, query: Query) -> Self {
        let mut definition = Self::new(name, version, query);
        definition.query = narrowed::<E>(definition.query);
        definition
    }

    /// The same follower with another key.
    #[must_use]
    pub fn keyed(
        mut self,
        key: impl for<'a> Fn(&'a StoredEvent) -> Cow<'a, str> + Send + Sync + 'static,
    ) -> Self {
        self.key = Arc::new(key);
        self
    }

    /// The follower of a projection.
    pub fn of<P: Projection>(projection: &Arc<P>) -> Self {
        let keys = Arc::clone(projection);
        Self::typed::<P::Event>(P::NAME, P::VERSION, projection.query())
            .keyed(move |event| keys.key(event))
    }

    /// Refuses a name that cannot be part of a file's name or a schema's, and version 0.
    ///
    /// # Errors
    /// `Invalid`.
    pub fn check(&self) -> Result<()> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || self.name.len() > 100 || !self.name.chars().all(allowed) {
            return Err(Error::invalid(format!(
                "{:?} cannot be the name of a follower: use letters, digits, `-` and `_`, 1 to 100 of them",
                self.name
            )));
        }
        if self.version == 0 {
            return Err(Error::invalid(format!("{}: versions are counted from 1", self.name)));
        }
        Ok(())
    }
}
