//! Read models: one catches up, a new version is built beside it, a parked event is retried.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hitherto::projection::KeptModels as _;
use hitherto::projection::Value;
use hitherto::runner::{Ended, Retry, Status};
use hitherto::{Projection, Projector, Query, Recorded, Sql};
use hitherto_sql::{ReadModels, Sqlite};
use hitherto_store::{Append, EventStore as _, NewEvent, Position, Result};

use super::Demo;
use super::account::{AccountEvent, money};
use super::bulk::deposited;
use crate::failure::Failure;
use crate::print::{counted, grouped};

/// The amount that the demo's projection cannot handle until it is mended.
const ODD: u64 = 666;

/// What each savings account holds. Version 2 counts the moves too.
struct Savings<const VERSION: u32> {
    /// Whether it can handle everything.
    is_mended: Arc<AtomicBool>,
}

impl<const VERSION: u32> Projection for Savings<VERSION> {
    const NAME: &'static str = "savings";
    const VERSION: u32 = VERSION;
    type Event = AccountEvent;

    fn tables(&self) -> &'static str {
        match VERSION {
            1 => "create table savings (account text primary key, cents integer not null)",
            _ => {
                "create table savings \
                 (account text primary key, cents integer not null, moves integer not null)"
            }
        }
    }

    fn query(&self) -> Query {
        Query::category("savings")
    }

    fn project(&self, event: &Recorded<AccountEvent>, sql: &mut Sql) {
        let cents = deposited(&event.data);
        if cents == ODD && !self.is_mended.load(Ordering::SeqCst) {
            return sql.refuse(format!("{ODD} cents are more than this code can handle"));
        }
        let statement = match VERSION {
            1 => {
                "insert into savings values (?, ?) \
                 on conflict (account) do update set cents = cents + excluded.cents"
            }
            _ => {
                "insert into savings values (?, ?, 1) on conflict (account) \
                 do update set cents = cents + excluded.cents, moves = moves + 1"
            }
        };
        sql.run(statement, (event.stream_id(), cents));
    }
}

impl Demo {
    /// Where the read model is: beside the store.
    pub(super) fn read_db(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(".read.db");
        PathBuf::from(path)
    }

    pub(super) fn project_and_rebuild(&mut self) -> Result<(), Failure> {
        let path = self.read_db();
        remove(&path)?;
        let old = self.let_a_read_model_catch_up(&path)?;
        let new = self.build_a_new_version_beside(&path, &old)?;
        self.park_an_event_and_retry_it(&path, &new)
    }

    fn let_a_read_model_catch_up(&mut self, path: &Path) -> Result<Projector<Sqlite>, Failure> {
        self.story.step("A read model in SQLite catches up, and says how far it is behind")?;
        let sqlite = Sqlite::open(path)?;
        let savings = Projector::start(&self.typed, sqlite.clone(), savings::<1>());
        let savings = hitherto::wait(savings.into_future())?;
        let head = self.head()?;
        for quarter in 1..=4 {
            hitherto::wait(savings.reached(Position(head.0 * quarter / 4)))?;
            self.story.fact(told(&savings.status()))?;
        }
        let kept = one_number(&sqlite, "select coalesce(sum(cents), 0) from savings")?;
        let cents = self.deposited_in_all()?;
        self.story.check(format!("its rows add up to {}", money(kept)), &kept, &cents)?;

        let saved = self.deposit_in_savings(4_200)?;
        hitherto::wait(savings.reached(saved))?;
        let kept = one_number(&sqlite, "select sum(cents) from savings")?;
        let found = "who waits for the position of a write reads it, at once";
        self.story.check(found, &kept, &(cents + 4_200))?;
        Ok(savings)
    }

    fn build_a_new_version_beside(
        &mut self,
        path: &Path,
        old: &Projector<Sqlite>,
    ) -> Result<Projector<Sqlite>, Failure> {
        self.story.step("A new version is built beside the old one, and takes its place")?;
        let sqlite = Sqlite::open(path)?.switch_by_hand();
        let new = Projector::start(&self.typed, sqlite.clone(), savings::<2>()).partitions(2);
        let new = hitherto::wait(new.into_future())?;
        let status = hitherto::wait(new.catch_up())?;
        self.story.fact(told(&status))?;

        let models = ReadModels::of(path)?;
        let compared = models.compare("savings", Some(2))?;
        let differ = compared.tables.iter().map(|table| table.only_live + table.only_beside).sum();
        let rows = compared.tables.first().map_or(0, |table| table.live_rows);
        let same = format!("{} compared, and the same in both", counted(rows, "row"));
        self.story.check(same, &differ, &0_u64)?;

        let version = models.switch("savings", None)?;
        self.deposit_in_savings(1)?;
        let ended = hitherto::wait(old.ended());
        self.story.check(
            format!("after the switch to version {version}, the old one has noticed: {ended}"),
            &ended,
            &Ended::Superseded { by: 2 },
        )?;
        Ok(new)
    }

    fn park_an_event_and_retry_it(
        &mut self,
        path: &Path,
        savings: &Projector<Sqlite>,
    ) -> Result<(), Failure> {
        self.story.step("An event that cannot be handled is parked, mended and retried")?;
        savings.stop();
        let is_mended = Arc::new(AtomicBool::new(false));
        let projection = Savings::<2> { is_mended: Arc::clone(&is_mended) };
        let sqlite = Sqlite::open(path)?;
        let starting = Projector::start(&self.typed, sqlite.clone(), projection);
        let savings = hitherto::wait(starting.retry(Retry::never()).into_future())?;
        let odd = self.deposit_in_savings(ODD)?;
        let behind = self.deposit_in_savings(1)?;
        let other = self.append_to("savings-other", 5)?;
        hitherto::wait(savings.reached(other))?;
        for parked in savings.parked()? {
            self.story.fact(format!("parked: event {}, {}", parked.position, parked.error))?;
        }
        let parked = savings.parked()?.iter().map(|parked| parked.position).collect::<Vec<_>>();
        let found = "it and what follows in its stream are parked; other streams go on";
        self.story.check(found, &parked, &vec![odd, behind])?;

        is_mended.store(true, Ordering::SeqCst);
        hitherto::wait(savings.retry(odd))?;
        let kept = one_number(&sqlite, "select sum(cents) from savings")?;
        let found = "mended and retried, nothing is parked and nothing is missing";
        let is = (savings.parked()?.len(), kept);
        Ok(self.story.check(found, &is, &(0, self.deposited_in_all()?))?)
    }

    fn deposit_in_savings(&self, amount: u64) -> Result<Position> {
        self.append_to(&format!("savings-read-{}", self.run), amount)
    }

    fn append_to(&self, stream: &str, amount: u64) -> Result<Position> {
        let event = NewEvent::json("MoneyDeposited", format!("{{\"amount\":{amount}}}"));
        Ok(self.store.append(Append::to(stream).event(event))?.position)
    }

    /// What all savings accounts hold, by their events.
    fn deposited_in_all(&self) -> Result<u64> {
        let events = self.typed.read_as::<AccountEvent>(Query::category("savings"));
        events.map(|event| Ok(deposited(&event?.data))).sum()
    }
}

fn savings<const VERSION: u32>() -> Savings<VERSION> {
    Savings { is_mended: Arc::new(AtomicBool::new(true)) }
}

/// Where a projection stands, in one line.
fn told(status: &Status) -> String {
    format!(
        "version {}, {}: at position {}, {} behind, {} a second",
        status.version,
        status.state,
        grouped(status.position.0),
        counted(status.lag_events(), "event"),
        status.rate.round()
    )
}

fn one_number(sqlite: &Sqlite, query: &str) -> Result<u64> {
    let rows = sqlite.rows(query)?;
    match rows.first().and_then(|row| row.first()) {
        Some(Value::Integer(number)) => Ok(u64::try_from(*number).unwrap_or(0)),
        _ => Ok(0),
    }
}

/// A read model can be thrown away: it is built anew from what happened.
fn remove(path: &Path) -> std::io::Result<()> {
    for suffix in ["", "-wal", "-shm", ".savings-1", ".savings-2"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
