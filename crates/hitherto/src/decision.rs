//! Decisions whose boundary is wider than a stream: which past matters, what it adds up to, what to
//! do.

use hitherto_store::{Append, EventId, Position, Query, Saved, StreamName};

use crate::answer::{Answer, Attempt, Past, answers_otherwise};
use crate::cause::Cause;
use crate::error::UpdateError;
use crate::event::{Event, Recorded, as_stored, check_new, narrowed};
use crate::repository::ATTEMPTS;
use crate::{ErrorKind, Result, Store};

/// A decision over whatever past its query names: a dynamic consistency boundary.
///
/// An aggregate is a decision whose boundary is one stream.
///
/// ```
/// use hitherto::{Decision, Event, Query, Store, ensure};
///
/// #[derive(Event, Debug, PartialEq)]
/// enum CourseEvent {
///     CourseDefined { #[tag] course: String, capacity: u32 },
///     StudentSubscribed { #[tag] course: String, #[tag] student: String },
/// }
/// use CourseEvent::*;
///
/// struct Subscribe { course: String, student: String }
///
/// #[derive(Default)]
/// struct Seats { capacity: u32, taken: u32 }
///
/// #[derive(Debug, PartialEq)]
/// struct CourseFull;
///
/// impl Decision for Subscribe {
///     type Event = CourseEvent;
///     type State = Seats;
///     type Error = CourseFull;
///
///     fn query(&self) -> Query {
///         Query::tag("course", &self.course)
///     }
///
///     fn apply(&self, seats: &mut Seats, event: &CourseEvent) {
///         match event {
///             CourseDefined { capacity, .. } => seats.capacity = *capacity,
///             StudentSubscribed { .. } => seats.taken += 1,
///         }
///     }
///
///     fn decide(&self, seats: &Seats) -> Result<Vec<CourseEvent>, CourseFull> {
///         ensure(seats.taken < seats.capacity, CourseFull)?;
///         let (course, student) = (self.course.clone(), self.student.clone());
///         Ok(vec![StudentSubscribed { course, student }])
///     }
/// }
///
/// # hitherto::wait(async {
/// let store = Store::in_memory();
/// let subscribe = Subscribe { course: "rust".into(), student: "ann".into() };
/// let refused = store.decide(&subscribe).await;
/// assert_eq!(refused.unwrap_err().refused(), Some(&CourseFull)); // no such course yet
/// # });
/// ```
pub trait Decision: Sync {
    /// What it looks at, and what it makes happen.
    type Event: Event;

    /// What the past adds up to.
    type State: Default + Send;

    /// Why it refuses.
    type Error;

    /// Which past matters. Bounds and direction are not looked at.
    fn query(&self) -> Query;

    /// What an event of that past adds. Must not fail and not ask.
    fn apply(&self, state: &mut Self::State, event: &Self::Event);

    /// What to do about it: what happens now, or a refusal. The events belong to no stream, and are
    /// found by their tags and kinds.
    fn decide(&self, state: &Self::State) -> Result<Vec<Self::Event>, Self::Error>;
}

impl Store {
    /// Reads what matters, decides, and appends, if nothing that matters happened meanwhile; else
    /// decides again, up to 32 times in all.
    ///
    /// After `Unavailable` it is not known whether it was appended. Deciding again is safe if the
    /// decision looks at its own events, as most do: a student who has the seat is not given
    /// another one.
    ///
    /// # Errors
    /// The decision's refusal, or what the store could not do: `Conflict` if others were faster
    /// each time.
    pub async fn decide<D: Decision>(&self, decision: &D) -> Result<Saved, UpdateError<D::Error>> {
        let attempt = self.attempt(decision, None).await?;
        attempt.into_answer().map_err(UpdateError::Refused)
    }

    /// As [`Store::decide`], with the event that made it necessary as the cause of what happens.
    /// What was decided before because of the same event is not decided again, but answered as
    /// then.
    ///
    /// One reaction decides once; where it decides several things, each is named with
    /// [`Cause::by`].
    ///
    /// # Errors
    /// As [`Store::decide`]; `Invalid` for a second decision in one reaction.
    pub async fn decide_because<D: Decision>(
        &self,
        cause: impl Into<Cause>,
        decision: &D,
    ) -> Result<Saved, UpdateError<D::Error>> {
        let cause = cause.into();
        let turn = cause.begin(&no_stream())?;
        let attempt = self.attempt(decision, Some(&cause));
        let answer = match cause.once::<D::Event, _>(self, &no_stream(), attempt).await? {
            Answer::Given(answer) => answer,
            Answer::NothingSince(position) => self.answer_at(decision, Position(position)).await?,
        };
        turn.over();
        answer.map_err(UpdateError::Refused)
    }

    async fn attempt<D: Decision>(
        &self,
        decision: &D,
        cause: Option<&Cause>,
    ) -> Result<Attempt<D::Error>> {
        let query = boundary_of(decision);
        let mut attempts = ATTEMPTS;
        loop {
            // The head first: what comes between it and the append is caught by the condition.
            let head = self.head().await?;
            let past = Past::All { position: head.0 };
            let state = self.fold_for(decision, query.clone().up_to(head)).await?;
            let events = match decision.decide(&state) {
                Err(refusal) => return Ok(Attempt::Refused(refusal, past)),
                Ok(none) if none.is_empty() => {
                    return Ok(Attempt::Nothing(nothing_new(head, 0), past));
                }
                Ok(events) => events,
            };
            let append = append_of(&events, cause)?.unless(query.clone(), head);
            attempts -= 1;
            match self.append(append).await {
                Err(error) if error.kind() == ErrorKind::Conflict && attempts > 0 => {}
                other => return Ok(Attempt::Stored(other?)),
            }
        }
    }

    /// What a decision answered that stored nothing, from what it saw then.
    async fn answer_at<D: Decision>(
        &self,
        decision: &D,
        head: Position,
    ) -> Result<Result<Saved, D::Error>> {
        let state = self.fold_for(decision, boundary_of(decision).up_to(head)).await?;
        match decision.decide(&state) {
            Err(refusal) => Ok(Err(refusal)),
            Ok(none) if none.is_empty() => Ok(Ok(nothing_new(head, 0))),
            Ok(_) => Err(answers_otherwise(&format!("position {head}"))),
        }
    }

    pub(crate) async fn fold_for<D: Decision>(
        &self,
        decision: &D,
        query: Query,
    ) -> Result<D::State> {
        let mut state = D::State::default();
        let mut events = self.read(query);
        while let Some(event) = events.next_event().await {
            decision.apply(&mut state, &Recorded::decode(event?)?.data);
        }
        Ok(state)
    }
}

/// What a decision looks at: only what its query names, not from where to where.
pub(crate) fn boundary_of<D: Decision>(decision: &D) -> Query {
    narrowed::<D::Event>(Query { items: decision.query().items, ..Query::default() })
}

/// Where a decision's events go, as far as their ids are concerned.
fn no_stream() -> StreamName {
    StreamName::from("")
}

fn append_of<E: Event>(events: &[E], cause: Option<&Cause>) -> Result<Append> {
    let mut append = Append::without_stream();
    for (index, event) in events.iter().enumerate() {
        check_new(event)?;
        let new = as_stored(event, EventId::new())?;
        append = append.event(match cause {
            Some(cause) => cause.mark(&no_stream(), index, new),
            None => new,
        });
    }
    Ok(append)
}

/// The answer to a command that had nothing to say.
pub(crate) fn nothing_new(position: Position, version: u64) -> Saved {
    Saved { first_position: position, position, version, versions: vec![version], repeated: true }
}
