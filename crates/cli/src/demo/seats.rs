//! Seats in a course: a decision whose past is wider than one stream.

use hitherto::{Decision, Event, Query, ensure};

use self::CourseEvent::{CourseDefined, SeatTaken};

/// What can happen in the school.
#[derive(Event, Debug, PartialEq)]
pub(crate) enum CourseEvent {
    CourseDefined {
        #[tag]
        course: String,
        capacity: u32,
    },
    SeatTaken {
        #[tag]
        course: String,
        #[tag]
        student: String,
    },
}

/// Why the school says no.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Refused {
    CourseDefinedAlready,
    CourseFull,
    SeatTakenAlready,
}

/// What deciding about a seat must know.
#[derive(Default)]
pub(crate) struct Seats {
    capacity: u32,
    taken: u32,
    has_seat: bool,
}

/// May this student have a seat in this course?
pub(crate) struct TakeSeat {
    pub(crate) course: String,
    pub(crate) student: String,
}

impl Decision for TakeSeat {
    type Event = CourseEvent;
    type State = Seats;
    type Error = Refused;

    fn query(&self) -> Query {
        Query::tag("course", &self.course)
    }

    fn apply(&self, seats: &mut Seats, event: &CourseEvent) {
        match event {
            CourseDefined { capacity, .. } => seats.capacity = *capacity,
            SeatTaken { student, .. } => {
                seats.taken += 1;
                seats.has_seat |= *student == self.student;
            }
        }
    }

    fn decide(&self, seats: &Seats) -> Result<Vec<CourseEvent>, Refused> {
        ensure(!seats.has_seat, Refused::SeatTakenAlready)?;
        ensure(seats.taken < seats.capacity, Refused::CourseFull)?;
        Ok(vec![SeatTaken { course: self.course.clone(), student: self.student.clone() }])
    }
}

/// May this course be offered?
pub(crate) struct DefineCourse {
    pub(crate) course: String,
    pub(crate) capacity: u32,
}

impl Decision for DefineCourse {
    type Event = CourseEvent;
    type State = Seats;
    type Error = Refused;

    fn query(&self) -> Query {
        Query::tag("course", &self.course).kinds(["CourseDefined"])
    }

    fn apply(&self, seats: &mut Seats, event: &CourseEvent) {
        if let CourseDefined { capacity, .. } = event {
            seats.capacity = *capacity;
        }
    }

    fn decide(&self, seats: &Seats) -> Result<Vec<CourseEvent>, Refused> {
        ensure(seats.capacity == 0, Refused::CourseDefinedAlready)?;
        Ok(vec![CourseDefined { course: self.course.clone(), capacity: self.capacity }])
    }
}
