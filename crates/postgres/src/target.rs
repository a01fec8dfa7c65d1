//! A version of a projection as the runner sees it: its partitions, what is parked, the switch.

use std::sync::{Arc, Mutex, PoisonError};

use hitherto::Position;
use hitherto::projection::Value;
use hitherto::runner::{Ended, Failure, Handler, Order, Parked, Tally, Target};

use crate::connection::Connection;
use crate::failure::Trouble;
use crate::handler::{Home, PartitionHandler};
use crate::ledger::{self, Follower, count, number, text};
use crate::server::Server;
use crate::statements::Changes;
use crate::versions::{self, Opened};

pub(crate) struct VersionTarget<C> {
    server: Arc<Server>,
    changes: Arc<C>,
    follower: Follower,
    epoch: i64,
    home: Home,
    is_beside: bool,
    connection: Option<Connection>,
}

impl<C: Changes> VersionTarget<C> {
    /// Opens a version, and makes what is not there.
    pub(crate) fn open(server: Arc<Server>, changes: C, held: bool) -> Result<Self, Failure> {
        let follower = Follower { name: changes.name().to_owned(), version: changes.version() };
        let opened = Self::connect(&server, &follower).and_then(|mut connection| {
            ledger::prepare(&mut connection)?;
            let opened = versions::open(&mut connection, &follower, changes.tables(), held)?;
            Ok((connection, opened))
        });
        let what = format!("{} cannot be opened", changes.name());
        let (connection, opened) = opened.map_err(|trouble| trouble.without_event(&what))?;
        let Opened { epoch, home, is_beside } = opened;
        let changes = Arc::new(changes);
        let (home, connection) = (Arc::new(Mutex::new(home)), Some(connection));
        Ok(Self { server, changes, follower, epoch, home, is_beside, connection })
    }

    fn connect(server: &Server, follower: &Follower) -> Result<Connection, Trouble> {
        let Follower { name, version } = follower;
        Connection::open(server, &format!("hitherto {name} {version}"))
    }

    /// Does something on the connection, which is opened again if it was lost.
    fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Connection, &Follower, i64) -> Result<T, Trouble>,
    ) -> Result<T, Failure> {
        let connection = self.connection.take().filter(|connection| !connection.is_closed());
        let connection = connection.map_or_else(|| Self::connect(&self.server, &self.follower), Ok);
        let done = connection.and_then(|mut connection| {
            let done = work(&mut connection, &self.follower, self.epoch);
            self.connection = Some(connection);
            done
        });
        done.map_err(|trouble| trouble.without_event(&self.follower.name))
    }
}

impl<C: Changes> Target for VersionTarget<C> {
    fn positions(&mut self) -> Result<Vec<Position>, Failure> {
        let marks = self.with(|connection, follower, _| ledger::marks(connection, follower))?;
        Ok(marks.iter().map(|mark| mark.position).collect())
    }

    fn spread(&mut self, partitions: u32, position: Position) -> Result<(), Failure> {
        self.with(|connection, follower, epoch| {
            connection
                .transaction(|connection| spread(connection, follower, epoch, partitions, position))
        })
    }

    fn handler(&mut self, partition: u32, partitions: u32) -> Result<Box<dyn Handler>, Failure> {
        Ok(Box::new(PartitionHandler {
            server: Arc::clone(&self.server),
            follower: self.follower.clone(),
            epoch: self.epoch,
            home: Arc::clone(&self.home),
            partition,
            partitions,
            changes: Arc::clone(&self.changes),
            session: None,
        }))
    }

    fn parked(&mut self) -> Result<Vec<Parked>, Failure> {
        self.with(|connection, follower, _| ledger::parked(connection, follower))
    }

    fn order(&mut self, position: Position, order: Order) -> Result<bool, Failure> {
        self.with(|connection, follower, _| ledger::order(connection, follower, position, order))
    }

    fn is_beside(&self) -> bool {
        self.is_beside
    }

    fn caught_up(&mut self) -> Result<(), Failure> {
        if !self.is_beside {
            return Ok(());
        }
        let home = self.with(versions::switch)?;
        if let Some(home) = home {
            *self.home.lock().unwrap_or_else(PoisonError::into_inner) = home;
            self.is_beside = false;
        }
        Ok(())
    }
}

/// Whoever opened it since then does this; the counts stay, and are added up.
fn spread(
    connection: &mut Connection,
    follower: &Follower,
    epoch: i64,
    partitions: u32,
    position: Position,
) -> Result<(), Trouble> {
    ledger::lock(connection, &follower.name)?;
    let versions = ledger::versions(connection, &follower.name)?;
    let ours = versions.iter().find(|version| version.number == follower.version);
    let ours = ours.filter(|ours| ours.epoch == epoch);
    let ours = ours.ok_or(Trouble::Ended(Ended::TakenOver))?;
    let mut tally =
        ledger::marks(connection, follower)?.iter().fold(Tally::default(), |sum, mark| {
            let (handled, errors) =
                (sum.handled + mark.tally.handled, sum.errors + mark.tally.errors);
            Tally { handled, errors }
        });
    let delete = "delete from hitherto.partitions where name = ? and version = ?";
    connection.execute(delete, &follower.values())?;
    let insert = "insert into hitherto.partitions \
                  (name, version, number, epoch, home, commits, position, handled, errors) \
                  values (?, ?, ?, ?, ?, 0, ?, ?, ?)";
    for partition in 0..partitions {
        let Tally { handled, errors } = std::mem::take(&mut tally);
        let counts = [position.0, handled, errors].map(count);
        let place = [number(partition), Value::Integer(epoch), text(&ours.home)];
        connection.execute(insert, &follower.values_and(place.into_iter().chain(counts)))?;
    }
    Ok(())
}
