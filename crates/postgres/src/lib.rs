//! Read models in PostgreSQL: what [projections](hitherto::Projection) say is committed in one
//! transaction with how far they have come, so that each event has its effect exactly once.

mod bound;
mod connection;
mod failure;
mod handler;
mod ledger;
mod placeholders;
mod server;
mod statements;
mod target;
mod versions;

use std::sync::Arc;

use hitherto::projection::{Definition, Place};
use hitherto::runner::{Failure, Target};
use hitherto::{Projection, Result};

use connection::Connection;
use failure::Trouble;
use server::Server;
use target::VersionTarget;

/// A PostgreSQL database, as a place for projections.
#[derive(Debug, Clone)]
pub struct Postgres {
    server: Arc<Server>,
}

impl Postgres {
    /// The database at this address: `postgres://user:password@host:5432/database`, and what else
    /// PostgreSQL's own programs take. It is connected to once, to see that it is there.
    ///
    /// # Errors
    /// `Invalid` if the address cannot be read, or the server does not keep what it commits;
    /// `Unavailable` if it is not there.
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
        Ok(Self { server: Arc::new(server) })
    }
}

impl<P: Projection> Place<P> for Postgres {
    fn define(&self, projection: &Arc<P>) -> Definition {
        Definition::of(projection)
    }

    fn open(&mut self, projection: &Arc<P>) -> Result<Box<dyn Target>, Failure> {
        Ok(Box::new(VersionTarget::open(&self.server, projection)?))
    }
}
