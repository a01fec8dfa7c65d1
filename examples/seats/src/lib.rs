//! Seats in courses: a rule over a course and a student at once, which no single stream could keep.

use CourseEvent::{CourseDefined, StudentSubscribed};
use Refused::{AlreadyDefined, AlreadySubscribed, CourseFull, NoSuchCourse, TooManyCourses};
use hitherto::{Decision, Event, Query, ensure};

// region: events
/// What happens in the course office. The tags are what the events are found by.
#[derive(Event, Debug, Clone, PartialEq)]
pub enum CourseEvent {
    /// A course takes place.
    CourseDefined {
        /// What it is called.
        #[tag]
        course: String,
        /// How many seats it has.
        capacity: u32,
    },
    /// A student has a seat.
    StudentSubscribed {
        /// In this course.
        #[tag]
        course: String,
        /// Who it is.
        #[tag]
        student: String,
    },
}
// endregion: events

/// How many courses a student may take.
pub const COURSES_MAX: u32 = 3;

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// There is a course of that name.
    AlreadyDefined,
    /// Nobody defined that course.
    NoSuchCourse,
    /// Every seat is taken.
    CourseFull,
    /// The student takes as many courses as one may.
    TooManyCourses,
    /// The student has a seat in it.
    AlreadySubscribed,
}

// region: decision
/// May this student have a seat in this course?
#[derive(Debug, Clone)]
pub struct Subscribe {
    /// The course.
    pub course: String,
    /// The student.
    pub student: String,
}

/// What must be known to decide: of the course, of the student, and of nothing else.
#[derive(Debug, Default)]
pub struct Seats {
    capacity: Option<u32>,
    taken: u32,
    courses_of_student: u32,
    is_subscribed: bool,
}

impl Decision for Subscribe {
    type Event = CourseEvent;
    type State = Seats;
    type Error = Refused;

    fn query(&self) -> Query {
        Query::tag("course", &self.course).or_tag("student", &self.student)
    }

    fn apply(&self, seats: &mut Seats, event: &CourseEvent) {
        match event {
            CourseDefined { course, capacity } if *course == self.course => {
                seats.capacity = Some(*capacity);
            }
            CourseDefined { .. } => {}
            StudentSubscribed { course, student } => {
                let (same_course, same_student) =
                    (*course == self.course, *student == self.student);
                seats.taken += u32::from(same_course);
                seats.courses_of_student += u32::from(same_student);
                seats.is_subscribed |= same_course && same_student;
            }
        }
    }

    fn decide(&self, seats: &Seats) -> Result<Vec<CourseEvent>, Refused> {
        let capacity = seats.capacity.ok_or(NoSuchCourse)?;
        ensure(!seats.is_subscribed, AlreadySubscribed)?;
        ensure(seats.taken < capacity, CourseFull)?;
        ensure(seats.courses_of_student < COURSES_MAX, TooManyCourses)?;
        let (course, student) = (self.course.clone(), self.student.clone());
        Ok(vec![StudentSubscribed { course, student }])
    }
}
// endregion: decision

/// May there be a course of this name?
#[derive(Debug, Clone)]
pub struct DefineCourse {
    /// What it is called.
    pub course: String,
    /// How many seats it has.
    pub capacity: u32,
}

impl Decision for DefineCourse {
    type Event = CourseEvent;
    type State = bool;
    type Error = Refused;

    fn query(&self) -> Query {
        Query::tag("course", &self.course).kinds(["CourseDefined"])
    }

    fn apply(&self, is_defined: &mut bool, _: &CourseEvent) {
        *is_defined = true;
    }

    fn decide(&self, is_defined: &bool) -> Result<Vec<CourseEvent>, Refused> {
        ensure(!is_defined, AlreadyDefined)?;
        Ok(vec![CourseDefined { course: self.course.clone(), capacity: self.capacity }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hitherto::testing::given;

    fn defined(course: &str, capacity: u32) -> CourseEvent {
        CourseDefined { course: course.into(), capacity }
    }

    fn subscribed(course: &str, student: &str) -> CourseEvent {
        StudentSubscribed { course: course.into(), student: student.into() }
    }

    fn subscribe(course: &str, student: &str) -> Subscribe {
        Subscribe { course: course.into(), student: student.into() }
    }

    // region: test
    #[test]
    fn the_last_seat_is_given_once() {
        given([defined("rust", 2), subscribed("rust", "Ada")])
            .decide(&subscribe("rust", "Ben"))
            .then([subscribed("rust", "Ben")]);

        given([defined("rust", 1), subscribed("rust", "Ada")])
            .decide(&subscribe("rust", "Ben"))
            .refused(CourseFull);
    }
    // endregion: test

    #[test]
    fn seats_in_other_courses_do_not_count() {
        given([defined("rust", 1), defined("logic", 1), subscribed("logic", "Ada")])
            .decide(&subscribe("rust", "Ada"))
            .then([subscribed("rust", "Ada")]);
    }

    #[test]
    fn a_student_takes_at_most_three_courses() {
        let others = ["a", "b", "c"].map(|course| subscribed(course, "Ada"));
        let before = [defined("rust", 9)].into_iter().chain(others);
        given(before).decide(&subscribe("rust", "Ada")).refused(TooManyCourses);
    }

    #[test]
    fn a_seat_is_not_taken_twice_nor_in_a_course_that_is_none() {
        given([defined("rust", 9), subscribed("rust", "Ada")])
            .decide(&subscribe("rust", "Ada"))
            .refused(AlreadySubscribed);
        given([defined("rust", 9)]).decide(&subscribe("rats", "Ada")).refused(NoSuchCourse);
    }

    #[test]
    fn a_course_is_defined_once() {
        let rust = DefineCourse { course: "rust".into(), capacity: 9 };
        given([]).decide(&rust).then([defined("rust", 9)]);
        given([defined("rust", 1)]).decide(&rust).refused(AlreadyDefined);
    }
}
