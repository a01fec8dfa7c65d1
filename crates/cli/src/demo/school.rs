//! Two students who want the last seat: a condition over tags, not over a stream.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};

use hitherto::{Decision, Saved, UpdateError, wait};
use hitherto_store::{EventStore, Query, Result};

use super::balance::unrefused;
use super::seats::{CourseEvent, DefineCourse, Refused, Seats, TakeSeat};
use super::{Demo, told};
use crate::failure::Failure;

impl Demo {
    pub(super) fn give_away_the_last_seat(&mut self) -> Result<(), Failure> {
        self.story.step("Two students want the last seat of a course")?;
        let course = format!("rust-{}", self.run);
        let defined = DefineCourse { course: course.clone(), capacity: 2 };
        unrefused(wait(self.typed.decide(&defined)))?;
        let ann = TakeSeat { course: course.clone(), student: "ann".to_owned() };
        let ann = unrefused(wait(self.typed.decide(&ann)))?;
        let first = self.event_at(ann.position)?;
        self.story.fact(told(&first))?;

        let [bea, carl] = self.race_for_a_seat(&course)?;
        let refused = [&bea.refusal, &carl.refusal].into_iter().flatten().count();
        let (won, lost) = if bea.refusal.is_none() { ("bea", &carl) } else { ("carl", &bea) };
        self.story.check(format!("{won} has it, the other has not"), &refused, &1)?;
        let answer = lost.refusal.map_or(String::new(), |refusal| format!("{refusal:?}"));
        let why = format!(
            "both had seen one free seat; who was late had to decide again, {} attempts: {answer}",
            lost.attempts
        );
        self.story.check(why, &(lost.attempts, lost.refusal), &(2, Some(Refused::CourseFull)))?;
        self.count_seats(&course)
    }

    fn race_for_a_seat(&self, course: &str) -> Result<[Ended; 2]> {
        let both_have_read = Barrier::new(2);
        let ask = |student: &str| {
            let seat = TakeSeat { course: course.to_owned(), student: student.to_owned() };
            let (both_have_read, attempts) = (&both_have_read, AtomicU32::new(0));
            let racing = Racing { seat, both_have_read, attempts };
            let decided = wait(self.typed.decide(&racing));
            Ended::of(decided, racing.attempts.into_inner())
        };
        std::thread::scope(|scope| {
            let bea = scope.spawn(|| ask("bea"));
            let carl = ask("carl");
            Ok([bea.join().expect("a student does not panic")?, carl?])
        })
    }

    fn count_seats(&mut self, course: &str) -> Result<(), Failure> {
        let seats = Query::tag("course", course).kinds(["SeatTaken"]);
        let events: Vec<_> = self.store.read(seats).collect::<Result<_>>()?;
        let found = format!("the store has {} taken seats of 2, found by their tags", events.len());
        self.story.check(found, &events.len(), &2)?;
        Ok(events.last().map_or(Ok(()), |last| self.story.fact(told(last)))?)
    }
}

/// How it ended for one student.
struct Ended {
    refusal: Option<Refused>,
    attempts: u32,
}

impl Ended {
    fn of(decided: Result<Saved, UpdateError<Refused>>, attempts: u32) -> Result<Self> {
        match decided {
            Ok(_) => Ok(Self { refusal: None, attempts }),
            Err(UpdateError::Refused(refusal)) => Ok(Self { refusal: Some(refusal), attempts }),
            Err(UpdateError::Store(error)) => Err(error),
        }
    }
}

/// A decision that is first made when the other has read the same past.
struct Racing<'a> {
    seat: TakeSeat,
    both_have_read: &'a Barrier,
    attempts: AtomicU32,
}

impl Decision for Racing<'_> {
    type Event = CourseEvent;
    type State = Seats;
    type Error = Refused;

    fn query(&self) -> Query {
        self.seat.query()
    }

    fn apply(&self, seats: &mut Seats, event: &CourseEvent) {
        self.seat.apply(seats, event);
    }

    fn decide(&self, seats: &Seats) -> Result<Vec<CourseEvent>, Refused> {
        if self.attempts.fetch_add(1, Ordering::Relaxed) == 0 {
            self.both_have_read.wait();
        }
        self.seat.decide(seats)
    }
}
