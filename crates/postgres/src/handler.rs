//! One partition of a projection: statements, what is parked and the position in one transaction.

use std::sync::{Arc, Mutex, PoisonError};

use hitherto::runner::{Ended, Failure, Handler, Parked, Progress, Work, partition_of};
use hitherto::projection::Value;
use hitherto::{Error, ErrorKind, Projection};

use crate::connection::{Connection, Step};
use crate::failure::Trouble;
use crate::ledger::{self, Follower, MOVE_ON, Mark, PARK, RELEASE, count, number, text};
use crate::server::Server;
use crate::statements::{Planned, plan};
use crate::versions::LIVE;

/// The schema of a version: shared with whoever makes it trade places.
pub(crate) type Home = Arc<Mutex<String>>;

pub(crate) fn current(home: &Home) -> String {
    home.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

pub(crate) struct PartitionHandler<P> {
    pub(crate) server: Arc<Server>,
    pub(crate) follower: Follower,
    pub(crate) epoch: i64,
    pub(crate) home: Home,
    pub(crate) partition: u32,
    pub(crate) partitions: u32,
    pub(crate) projection: Arc<P>,
    pub(crate) session: Option<Session>,
}

/// A connection, and what is known through it.
pub(crate) struct Session {
    connection: Connection,
    /// Where names are looked up.
    home: String,
    mark: Mark,
}

impl<P: Projection> Handler for PartitionHandler<P> {
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
        let planned = plan(&self.projection, work.events)?;
        let mut session = self.session.take().ok_or_else(not_resumed)?;
        let outcome = self.commit_in(&mut session, &planned, work);
        if outcome.is_ok() || matches!(outcome, Err(Failure::Event { .. })) {
            self.session = Some(session).filter(|session| !session.connection.is_closed());
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

impl<P: Projection> PartitionHandler<P> {
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

    fn ours(&self, parked: Vec<Parked>) -> impl Iterator<Item = Parked> + use<P> {
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
        let connection = &mut session.connection;
        let mut steps = Vec::with_capacity(planned.len() + work.park.len() + 2);
        let begin = connection.prepare("begin", &[]);
        steps.push(begin.map_err(|trouble| self.failed(trouble))?);
        for planned in planned {
            let step = connection.prepare(&planned.statement.text, &planned.statement.values);
            steps.push(step.map_err(|trouble| self.blame(Some(planned.event), trouble))?);
        }
        let kept = self.bookkeeping(&session.mark, work);
        for (statement, values) in &kept {
            let step = connection.prepare(statement, values);
            steps.push(step.map_err(|trouble| self.failed(trouble))?);
        }
        self.run(session, planned, &steps)?;
        session.mark.commits += 1;
        session.mark.position = work.up_to;
        Ok(())
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
    fn bookkeeping(
        &self,
        mark: &Mark,
        work: &Work<'_>,
    ) -> Vec<(&'static str, Vec<Value>)> {
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

    fn run(
        &self,
        session: &mut Session,
        planned: &[Planned],
        steps: &[Step<'_>],
    ) -> Result<(), Failure> {
        let connection = &mut session.connection;
        let moved = match connection.run(steps) {
            Ok(moved) => moved,
            Err((step, trouble)) => {
                connection.roll_back();
                let planned = step.checked_sub(1).and_then(|step| planned.get(step));
                let event = planned.map(|planned| planned.event);
                return Err(self.blame(event, trouble));
            }
        };
        if moved == 0 {
            connection.roll_back();
            let why = self.why_not_moved(connection);
            return Err(why.unwrap_or_else(|trouble| self.failed(trouble)));
        }
        connection.batch("commit").map_err(|trouble| {
            connection.roll_back();
            match trouble {
                // A rule that is looked at last.
                Trouble::Statement(error) => Failure::of_some_event(error),
                other => self.failed(other),
            }
        })
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

    /// Why a partition was not where it was thought to be.
    fn why_not_moved(&self, connection: &mut Connection) -> Result<Failure, Trouble> {
        let mark = ledger::mark(connection, &self.follower, self.partition)?;
        if mark.is_some_and(|mark| mark.epoch == self.epoch) {
            // An earlier commit of ours was late, or the schema was renamed.
            let message = format!("{} is elsewhere than it was: look again", self.follower.name);
            return Ok(Failure::Unavailable(Error::new(ErrorKind::Unavailable, message)));
        }
        Ok(Failure::Ended(self.why_fenced(connection)?))
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
