//! A projection at work: where its version sits, and that nobody else sits there.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hitherto::runner::{Ended, Failure, Handler, Order, Parked, Progress, Target, Work};
use hitherto::{Clock as _, Error, Position, StoredEvent, SystemClock, Timestamp};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::bookkeeping::{self, Entry};
use crate::error::of_place;
use crate::sqlite::{Sqlite, open_to_read, open_to_write};
use crate::{copy, files, switch};

const DOING: &str = "the read model cannot be written";

/// What a projection does with events in a transaction.
pub(crate) trait Apply: Send + Sync + 'static {
    /// What it makes of events before it has the transaction.
    type Prepared;

    /// The statements that make its tables.
    fn tables(&self) -> &'static str;

    /// Everything that can be done without the transaction.
    fn prepare(&self, events: &[StoredEvent]) -> Result<Self::Prepared, Failure>;

    /// The rest of it.
    fn apply(
        &self,
        prepared: &Self::Prepared,
        transaction: &Transaction<'_>,
    ) -> Result<(), Failure>;
}

/// A version of a projection that was opened.
pub(crate) struct Session<A> {
    sqlite: Sqlite,
    name: String,
    version: u32,
    apply: A,
    seat: Mutex<Seat>,
}

/// Where the version's rows are, and what was raised when it was opened.
enum Seat {
    /// In the main file: it is the version that is read.
    Live { epoch: i64 },
    /// In a file of its own, with a look at the main one.
    Beside { epoch: i64, connection: Box<Connection>, main: Box<Connection> },
}

impl<A: Apply> Session<A> {
    /// Opens what is kept of a version, and makes it if nothing is there.
    pub(crate) fn open(
        sqlite: &Sqlite,
        name: &str,
        version: u32,
        apply: A,
    ) -> Result<Arc<Self>, Failure> {
        let live = open_live(sqlite, name, version, apply.tables())?;
        let seat = match live {
            Some(epoch) => Seat::Live { epoch },
            None => open_beside(sqlite, name, version, apply.tables())?,
        };
        let (sqlite, name) = (sqlite.clone(), name.to_owned());
        Ok(Arc::new(Self { sqlite, name, version, apply, seat: Mutex::new(seat) }))
    }

    fn seat(&self) -> MutexGuard<'_, Seat> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something in a transaction of the file where the version sits, if it still does.
    fn with<T>(&self, act: impl Fn(&Transaction<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut seat = self.seat();
        if let Seat::Beside { main, .. } = &*seat
            && self.was_moved(main)?
        {
            *seat = self.sit_in_main()?;
        }
        match &mut *seat {
            Seat::Live { epoch } => {
                let mut writer = self.sqlite.writer();
                self.in_transaction(&mut writer, *epoch, None, act)
            }
            Seat::Beside { epoch, connection, main } => {
                self.in_transaction(connection, *epoch, Some(main), act)
            }
        }
    }

    fn in_transaction<T>(
        &self,
        connection: &mut Connection,
        epoch: i64,
        main: Option<&Connection>,
        act: impl Fn(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let behavior = TransactionBehavior::Immediate;
        let transaction = connection.transaction_with_behavior(behavior).map_err(cannot)?;
        self.fence(&transaction, epoch)?;
        // Whoever switches holds this file as we do now: what is said here holds until we commit.
        if let Some(main) = main
            && self.was_moved(main)?
        {
            let message = "it was switched to just now";
            return Err(Failure::Unavailable(Error::unavailable(message)));
        }
        let value = act(&transaction)?;
        if transaction.is_autocommit() {
            return Err(Failure::Ended(Ended::Failed(format!(
                "{} has ended the transaction that it was given: its rows are not to be trusted; remove \
                 them and have them built anew",
                self.name
            ))));
        }
        transaction.commit().map_err(cannot)?;
        Ok(value)
    }

    /// Only who opened it last may change it.
    fn fence(&self, transaction: &Connection, epoch: i64) -> Result<(), Failure> {
        let entry = bookkeeping::entry(transaction, &self.name).map_err(cannot)?;
        match entry {
            Some(entry) if entry.version != self.version => {
                Err(Failure::Ended(Ended::Superseded { by: entry.version }))
            }
            Some(entry) if entry.epoch == epoch => Ok(()),
            _ => Err(Failure::Ended(Ended::TakenOver)),
        }
    }

    /// Whether somebody has made this version the one that is read.
    fn was_moved(&self, main: &Connection) -> Result<bool, Failure> {
        let entry = bookkeeping::entry(main, &self.name).map_err(cannot)?;
        match entry.map_or(0, |entry| entry.version) {
            version if version > self.version => {
                Err(Failure::Ended(Ended::Superseded { by: version }))
            }
            version => Ok(version == self.version),
        }
    }

    fn sit_in_main(&self) -> Result<Seat, Failure> {
        let tables = self.apply.tables();
        match open_live(&self.sqlite, &self.name, self.version, tables)? {
            Some(epoch) => Ok(Seat::Live { epoch }),
            None => Err(Failure::Ended(Ended::TakenOver)), // rolled back in this very moment
        }
    }
}

/// Opens the version in the main file, if it is the one that is read, or the first.
fn open_live(
    sqlite: &Sqlite,
    name: &str,
    version: u32,
    tables: &str,
) -> Result<Option<i64>, Failure> {
    let mut writer = sqlite.writer();
    let behavior = TransactionBehavior::Immediate;
    let transaction = writer.transaction_with_behavior(behavior).map_err(cannot)?;
    check_format(&transaction)?;
    let live = bookkeeping::entry(&transaction, name).map_err(cannot)?;
    let epoch = match live {
        Some(live) if live.version > version => {
            return Err(Failure::Ended(Ended::Superseded { by: live.version }));
        }
        Some(live) if live.version < version => return Ok(None),
        live => take(&transaction, name, version, tables, live, false)?,
    };
    transaction.commit().map_err(cannot)?;
    drop(writer);
    if let Some(path) = sqlite.path() {
        // What was built of it stands in the main file by now.
        files::remove(&files::beside(path, name, version)).map_err(Failure::Unavailable)?;
    }
    Ok(Some(epoch))
}

/// Opens the version in a file of its own.
fn open_beside(sqlite: &Sqlite, name: &str, version: u32, tables: &str) -> Result<Seat, Failure> {
    let Some(main) = sqlite.path() else {
        return Err(Failure::Ended(Ended::Failed(format!(
            "{name}: another version of it is in this database in memory, and there is no place beside \
             it: use a file"
        ))));
    };
    let unavailable = Failure::Unavailable;
    let path = files::beside(main, name, version);
    let mut connection = open_to_write(&path).map_err(unavailable)?;
    let behavior = TransactionBehavior::Immediate;
    let transaction = connection.transaction_with_behavior(behavior).map_err(cannot)?;
    check_format(&transaction)?;
    let kept = bookkeeping::entry(&transaction, name).map_err(cannot)?;
    let epoch = take(&transaction, name, version, tables, kept, sqlite.switches_by_hand())?;
    transaction.commit().map_err(cannot)?;
    let main = Box::new(open_to_read(main).map_err(unavailable)?);
    Ok(Seat::Beside { epoch, connection: Box::new(connection), main })
}

/// Takes over what is kept, or makes it. Returns the new epoch.
fn take(
    transaction: &Transaction<'_>,
    name: &str,
    version: u32,
    tables: &str,
    kept: Option<Entry>,
    held: bool,
) -> Result<i64, Failure> {
    let tables = tables.split_whitespace().collect::<Vec<_>>().join(" ");
    let entry = match kept {
        Some(kept) if kept.tables != tables => {
            return Err(invalid(format!(
                "{name}: the tables of version {version} are not what they were when it was built; raise \
                 its VERSION, so that they are built anew beside the old ones"
            )));
        }
        Some(kept) => Entry { epoch: kept.epoch + 1, ..kept },
        None => {
            create_tables(transaction, name, &tables)?;
            Entry { version, epoch: 1, held, tables }
        }
    };
    bookkeeping::set_entry(transaction, name, &entry).map_err(cannot)?;
    Ok(entry.epoch)
}

fn create_tables(transaction: &Transaction<'_>, name: &str, tables: &str) -> Result<(), Failure> {
    let refused = |error: rusqlite::Error| invalid(format!("{name}: its tables: {error}"));
    let objects = copy::made_by(tables).map_err(refused)?;
    if let Some(taken) = copy::taken(transaction, &objects).map_err(cannot)? {
        return Err(invalid(format!(
            "{name}: there is a {taken} in the file already, and it is not of this projection: give \
             its table another name, or remove that one"
        )));
    }
    transaction.execute_batch(tables).map_err(refused)?;
    copy::own(transaction, name, &objects).map_err(cannot)
}

fn check_format(transaction: &Transaction<'_>) -> Result<(), Failure> {
    match bookkeeping::create(transaction).map_err(cannot)? {
        bookkeeping::FORMAT => Ok(()),
        other => Err(invalid(format!(
            "the file's read models are kept in format {other}, and this program knows format {}: use a \
             newer one",
            bookkeeping::FORMAT
        ))),
    }
}

fn invalid(message: String) -> Failure {
    Failure::of_some_event(Error::invalid(message))
}

fn cannot(error: rusqlite::Error) -> Failure {
    of_place(error, DOING)
}

fn now() -> Timestamp {
    SystemClock.now()
}

/// What the runner holds.
pub(crate) struct Opened<A>(pub(crate) Arc<Session<A>>);

impl<A: Apply> Target for Opened<A> {
    fn positions(&mut self) -> Result<Vec<Position>, Failure> {
        let name = &self.0.name;
        let partitions = self
            .0
            .with(|transaction| bookkeeping::partitions(transaction, name).map_err(cannot))?;
        Ok(partitions.into_iter().map(|(position, ..)| position).collect())
    }

    fn spread(&mut self, partitions: u32, position: Position) -> Result<(), Failure> {
        let name = &self.0.name;
        self.0.with(|transaction| {
            bookkeeping::spread(transaction, name, partitions, position, now()).map_err(cannot)
        })
    }

    fn handler(&mut self, partition: u32, partitions: u32) -> Result<Box<dyn Handler>, Failure> {
        Ok(Box::new(SqliteHandler { session: Arc::clone(&self.0), partition, partitions }))
    }

    fn parked(&mut self) -> Result<Vec<Parked>, Failure> {
        let name = &self.0.name;
        self.0.with(|transaction| bookkeeping::parked(transaction, name, false).map_err(cannot))
    }

    fn order(&mut self, position: Position, order: Order) -> Result<bool, Failure> {
        let name = &self.0.name;
        self.0.with(|transaction| {
            bookkeeping::order(transaction, name, position, order).map_err(cannot)
        })
    }

    fn is_beside(&self) -> bool {
        matches!(*self.0.seat(), Seat::Beside { .. })
    }

    fn caught_up(&mut self) -> Result<(), Failure> {
        let session = &self.0;
        let mut seat = session.seat();
        let Seat::Beside { connection, .. } = &*seat else { return Ok(()) };
        let kept = bookkeeping::entry(connection, &session.name).map_err(cannot)?;
        if kept.is_some_and(|kept| kept.held) {
            return Ok(());
        }
        let main = session.sqlite.path().unwrap_or(Path::new(""));
        switch::switch(&mut session.sqlite.writer(), main, &session.name, session.version)?;
        *seat = session.sit_in_main()?;
        Ok(())
    }
}

struct SqliteHandler<A> {
    session: Arc<Session<A>>,
    partition: u32,
    partitions: u32,
}

impl<A: Apply> Handler for SqliteHandler<A> {
    fn resume(&mut self) -> Result<Progress, Failure> {
        let (name, partition, partitions) = (&self.session.name, self.partition, self.partitions);
        self.session.with(|transaction| {
            bookkeeping::progress(transaction, name, partition, partitions).map_err(cannot)
        })
    }

    fn commit(&mut self, work: &Work<'_>) -> Result<(), Failure> {
        let apply = &self.session.apply;
        let prepared = apply.prepare(work.events)?;
        self.session.with(|transaction| {
            apply.apply(&prepared, transaction)?;
            let name = &self.session.name;
            bookkeeping::keep(transaction, name, self.partition, work, now()).map_err(cannot)
        })
    }

    fn orders(&mut self) -> Result<Vec<Parked>, Failure> {
        let name = &self.session.name;
        let mut ordered = self
            .session
            .with(|transaction| bookkeeping::parked(transaction, name, true).map_err(cannot))?;
        ordered.retain(|parked| {
            hitherto::runner::partition_of(&parked.key, self.partitions) == self.partition
        });
        Ok(ordered)
    }
}
