//! One partition of a projection: statements, what is parked and the position in one transaction.

use std::sync::{Arc, Mutex, PoisonError};

use hitherto::projection::Value;
use hitherto::runner::{Ended, Failure, Handler, Parked, Progress, Work, partition_of};
use hitherto::{Error, ErrorKind, StoredEvent};

use crate::connection::{Connection, Step};
use crate::failure::Trouble;
use crate::ledger::{self, Follower, MOVE_ON, Mark, PARK, RELEASE, count, number, text};
use crate::server::Server;
use crate::statements::{Changes, Planned};
use crate::versions::LIVE;

/// The schema of a version: shared with whoever makes it trade places.
pub(crate) type Home = Arc<Mutex<String>>;

pub(crate) fn current(home: &Home) -> String {
    home.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

pub(crate) struct PartitionHandler<C> {
    pub(crate) server: Arc<Server>,
    pub(crate) follower: Follower,
    pub(crate) epoch: i64,
    pub(crate) home: Home,
    pub(crate) partition: u32,
    pub(crate) partitions: u32,
    pub(crate) changes: Arc<C>,
    pub(crate) session: Option<Session>,
}

/// A connection, and what is known through it.
pub(crate) struct Session {
    connection: Connection,
    /// Where names are looked up.
    home: String,
    mark: Mark,
}

impl<C: Changes> Handler for PartitionHandler<C> {
    fn resume(&mut self) -> Result<Progress, Failure> {
        let session = self.session.take().filter(|session| !session.connection.is_closed());
        let session = session.map_or_else(|| self.connect(), Ok);
        let looked = session.and_then(|session| self.look(session));
        let (session, parked) = looked.map_err(|trouble| self.failed(trouble))?;
        let Mark { position, tally, .. } = session.mark;
        self.session = Some(session);
        Ok(Progress { position, parked, tally })
    }

    fn commit(&mut self, work: &Work<'_>) -> Result<(), Failure> {
        let planned = self.changes.plan(work.events)?;
        let mut session = self.session.take().ok_or_else(not_resumed)?;
        let mut outcome = self.commit_in(&mut session, &planned, work);
        if matches!(outcome, Err(Failure::Event { .. })) {
            // It is not the event's fault if its tables are not where they were.
            outcome = self.is_where_it_was(&mut session).and(outcome);
        }
        if outcome.is_ok() || matches!(outcome, Err(Failure::Event { .. })) {
            self.session = Some(session);
        }
        outcome
    }

    fn orders(&mut self) -> Result<Vec<Parked>, Failure> {
        let Some(session) = &mut self.session else { return Err(not_resumed()) };
        let parked = ledger::parked(&mut session.connection, &self.follower);
        let parked = parked.map_err(|trouble| self.failed(trouble))?;
        Ok(self.ours(parked).filter(|parked| parked.order.is_some()).collect())
    }
}

impl<C: Changes> PartitionHandler<C> {
    fn connect(&self) -> Result<Session, Trouble> {
        let Follower { name, version } = &self.follower;
        let purpose = format!("hitherto {name} {version} partition {}", self.partition);
        let connection = Connection::open(&self.server, &purpose)?;
        Ok(Session { connection, home: String::new(), mark: Mark::default() })
    }

    /// Reads what is kept, as the one who may go on from there.
    fn look(&self, mut session: Session) -> Result<(Session, Vec<Parked>), Trouble> {
        let mark = ledger::mark(&mut session.connection, &self.follower, self.partition)?;
        let Some(mark) = mark.filter(|mark| mark.epoch == self.epoch) else {
            return Err(Trouble::Ended(self.why_fenced(&mut session.connection)?));
        };
        let parked = ledger::parked(&mut session.connection, &self.follower)?;
        if session.home != mark.home {
            session.connection.look_into(&mark.home)?;
            session.home.clone_from(&mark.home);
        }
        self.home.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&mark.home);
        session.mark = mark;
        Ok((session, self.ours(parked).collect()))
    }

    fn ours(&self, parked: Vec<Parked>) -> impl Iterator<Item = Parked> + use<C> {
        let (partition, partitions) = (self.partition, self.partitions);
        parked.into_iter().filter(move |parked| partition_of(&parked.key, partitions) == partition)
    }

    fn commit_in(
        &self,
        session: &mut Session,
        planned: &[Planned],
        work: &Work<'_>,
    ) -> Result<(), Failure> {
        self.follow_home(session).map_err(|trouble| self.failed(trouble))?;
        let kept = self.bookkeeping(&session.mark, work);
        let connection = &mut session.connection;
        let mut steps = Vec::with_capacity(planned.len() + kept.len() + 1);
        steps.push(self.ready(connection, None, ("begin", &[]))?);
        for Planned { event, statement } in planned {
            let statement = (statement.text.as_ref(), statement.values.as_slice());
            steps.push(self.ready(connection, Some(*event), statement)?);
        }
        for (statement, values) in &kept {
            steps.push(self.ready(connection, None, (statement, values))?);
        }
        let steps = self.change(connection, &steps, work.events)?;
        if self.run(connection, planned, steps)? == 0 {
            connection.roll_back();
            self.is_where_it_was(session)?;
            return Err(not_resumed());
        }
        session.connection.batch("commit").map_err(|trouble| {
            session.connection.roll_back();
            match trouble {
                // A rule of the tables that is looked at last.
                Trouble::Statement(error) => Failure::of_some_event(error),
                other => self.failed(other),
            }
        })?;
        session.mark.commits += 1;
        session.mark.position = work.up_to;
        Ok(())
    }

    fn ready<'a>(
        &self,
        connection: &mut Connection,
        event: Option<usize>,
        (text, values): (&str, &'a [Value]),
    ) -> Result<Step<'a>, Failure> {
        connection.prepare(text, values).map_err(|trouble| self.blame(event, trouble))
    }

    /// Lets a projection that wants the transaction have it. Says what is left to be run.
    fn change<'a, 'b>(
        &self,
        connection: &mut Connection,
        steps: &'b [Step<'a>],
        events: &[StoredEvent],
    ) -> Result<&'b [Step<'a>], Failure> {
        if !self.changes.is_in_transaction() {
            return Ok(steps);
        }
        let (begin, rest) = steps.split_at(1);
        connection.run(begin).map_err(|(_, trouble)| self.failed(trouble))?;
        let changed = self.changes.change(connection, events);
        changed.inspect_err(|_| connection.roll_back())?;
        Ok(rest)
    }

    /// What was built beside may be what is read by now.
    fn follow_home(&self, session: &mut Session) -> Result<(), Trouble> {
        let home = current(&self.home);
        if session.home != home {
            session.connection.look_into(&home)?;
            session.mark.home.clone_from(&home);
            session.home = home;
        }
        Ok(())
    }

    /// What is parked, what is not any more, and at last the position.
    fn bookkeeping(&self, mark: &Mark, work: &Work<'_>) -> Vec<(&'static str, Vec<Value>)> {
        let park = work.park.iter().map(|parked| (PARK, ledger::parking(&self.follower, parked)));
        let release = work.release.iter();
        let release =
            release.map(|position| (RELEASE, self.follower.values_and([count(position.0)])));
        let progress = [work.up_to.0, work.tally.handled, work.tally.errors].map(count);
        let whose = self.follower.values_and([
            number(self.partition),
            Value::Integer(mark.epoch),
            Value::Integer(mark.commits),
            text(&mark.home),
        ]);
        let move_on = (MOVE_ON, [progress.to_vec(), whose].concat());
        park.chain(release).chain([move_on]).collect()
    }

    /// Runs the steps, in a transaction that stays open. Says how many partitions it has moved on.
    fn run(
        &self,
        connection: &mut Connection,
        planned: &[Planned],
        steps: &[Step<'_>],
    ) -> Result<u64, Failure> {
        let ran = connection.run(steps).map_err(|(step, trouble)| {
            // The first step begins the transaction.
            let planned = step.checked_sub(1).and_then(|step| planned.get(step));
            self.blame(planned.map(|planned| planned.event), trouble)
        });
        ran.inspect_err(|_| connection.roll_back())
    }

    /// A statement that failed, and the event that it was for.
    fn blame(&self, event: Option<usize>, trouble: Trouble) -> Failure {
        match (event, trouble) {
            (Some(event), Trouble::Statement(error)) => Failure::of_event(event, error),
            (_, trouble) => self.failed(trouble),
        }
    }

    fn failed(&self, trouble: Trouble) -> Failure {
        trouble.without_event(&format!("{} cannot go on", self.follower.name))
    }

    /// Whether this may go on, with what it knows; an error if not.
    fn is_where_it_was(&self, session: &mut Session) -> Result<(), Failure> {
        let connection = &mut session.connection;
        let mark = ledger::mark(connection, &self.follower, self.partition);
        let mark = mark.map_err(|trouble| self.failed(trouble))?;
        let Some(mark) = mark.filter(|mark| mark.epoch == self.epoch) else {
            let fenced = self.why_fenced(connection).map(Failure::Ended);
            return Err(fenced.unwrap_or_else(|trouble| self.failed(trouble)));
        };
        if (mark.commits, &mark.home) == (session.mark.commits, &session.mark.home) {
            return Ok(());
        }
        // An earlier commit of ours was late, or the schema was renamed.
        let message = format!("{} is elsewhere than it was: look again", self.follower.name);
        Err(Failure::Unavailable(Error::new(ErrorKind::Unavailable, message)))
    }

    fn why_fenced(&self, connection: &mut Connection) -> Result<Ended, Trouble> {
        let live = "select version from hitherto.followers where name = ? and state = ?";
        let live = connection.query(live, &[text(&self.follower.name), text(LIVE)])?;
        let live = live.first().map(|row| row.get::<_, i32>(0).unsigned_abs());
        Ok(match live {
            Some(by) if by != self.follower.version => Ended::Superseded { by },
            _ => Ended::TakenOver,
        })
    }
}

/// After a failure it has to be asked first what was kept.
fn not_resumed() -> Failure {
    let message = "the outcome of the last commit is not known: look first";
    Failure::Unavailable(Error::new(ErrorKind::Unavailable, message))
}
