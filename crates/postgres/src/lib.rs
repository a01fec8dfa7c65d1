//! Read models in PostgreSQL: what [projections](hitherto::Projection) say is committed in one
//! transaction with how far they have come, so that each event has its effect exactly once.

mod address;
mod bound;
mod compare;
mod connection;
mod failure;
mod handler;
mod ledger;
mod models;
#[cfg(any(test, not(feature = "tls")))]
mod no_tls;
mod placeholders;
mod server;
mod statements;
mod target;
#[cfg(feature = "tls")]
mod tls;
mod transaction;
mod versions;

use std::sync::Arc;

use hitherto::projection::{Definition, Place};
use hitherto::runner::{Failure, Target};
use hitherto::{Projection, Result};

use connection::Connection;
use failure::Trouble;
#[cfg(not(feature = "tls"))]
use no_tls as tls;
use server::Server;
use statements::{Changes, Pure};
use target::VersionTarget;

pub use models::ReadModels;
pub use tokio_postgres::Row;
pub use transaction::{InTransaction, PostgresProjection, Transaction};

/// A PostgreSQL database, as a place for projections.
#[derive(Debug, Clone)]
pub struct Postgres {
    server: Arc<Server>,
    switches_by_hand: bool,
}

impl Postgres {
    /// The database at this address: `postgres://user:password@host:5432/database`, and what else
    /// PostgreSQL's own programs take. It is connected to once, to see that it is there.
    ///
    /// With the feature `tls`, `?sslmode=verify-full` encrypts the connection, and makes sure of
    /// who the server is; `&sslrootcert=FILE` names the authorities to trust.
    ///
    /// # Errors
    /// `Invalid` if the address cannot be read, asks for encryption that this program was built
    /// without, or the server does not keep what it commits; `Unavailable` if it is not there, or
    /// does not prove who it is.
    pub fn connect(url: &str) -> Result<Self> {
        Self::connect_to(Server::at(url)?)
    }

    /// The same, where the server may lose what it has just committed (`synchronous_commit` or
    /// `fsync` are off): faster, and after a crash of the server the read model may be a little
    /// behind what was said to be [reached](hitherto::Follower::reached). It stays exact.
    ///
    /// # Errors
    /// As [`Postgres::connect`].
    pub fn that_may_forget(url: &str) -> Result<Self> {
        Self::connect_to(Server::at(url)?.that_may_forget())
    }

    fn connect_to(server: Server) -> Result<Self> {
        Connection::open(&server, "hitherto").map_err(Trouble::into_error)?;
        Ok(Self { server: Arc::new(server), switches_by_hand: false })
    }

    /// The same database, for projections whose new versions are built beside the old ones and take
    /// their place only when they are told to: after they were compared, for example.
    #[must_use]
    pub fn switch_by_hand(self) -> Self {
        Self { switches_by_hand: true, ..self }
    }

    fn open_changes(&self, changes: impl Changes) -> Result<Box<dyn Target>, Failure> {
        let server = Arc::clone(&self.server);
        Ok(Box::new(VersionTarget::open(server, changes, self.switches_by_hand)?))
    }
}

impl<P: Projection> Place<P> for Postgres {
    fn define(&self, projection: &Arc<P>) -> Definition {
        Definition::of(projection)
    }

    fn open(&mut self, projection: &Arc<P>) -> Result<Box<dyn Target>, Failure> {
        self.open_changes(Pure(Arc::clone(projection)))
    }
}
