//! Following: a reader that goes on where it ends.

use std::task::{Context, Poll};

use super::{Reader, Sight};
use crate::error::{Error, Result};
use crate::events::EventSource;
use crate::planted::{PlantedBug, is_planted};
use crate::record::Recorded;
use crate::retention::View;

/// What following returns: a reader whose end moves on with what is durable.
pub(crate) struct Following(pub(crate) Option<Reader>);

impl EventSource for Following {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Recorded>>> {
        let Some(reader) = &mut self.0 else { return Poll::Ready(None) };
        let next = loop {
            match reader.step().transpose() {
                None if reader.is_over() => break None,
                None if reader.shared.is_closed() => {
                    break Some(Err(Error::closed(
                        "the store was closed: follow it again when open",
                    )));
                }
                None => {}
                some => break some,
            }
            if !reader.extend() {
                reader.wait(context);
                if is_planted(PlantedBug::SleepWithoutLooking) {
                    return Poll::Pending;
                }
                if !reader.extend() && !reader.shared.is_closed() {
                    return Poll::Pending;
                }
            }
        };
        if !matches!(next, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(next)
    }
}

impl Reader {
    /// Whether nothing can come any more, however long the follower waits.
    fn is_over(&self) -> bool {
        let bound = self.query.bounds.up_to;
        self.is_over || self.left == 0 || bound.is_some_and(|last| self.range.first > last.0)
    }

    /// Has the task woken when more is durable that may match. It looks once more after this.
    fn wait(&self, context: &Context<'_>) {
        let seed = self.shared.identity.hash_seed;
        self.shared.followers.wait(&self.query, seed, context.waker());
    }

    /// Takes in what became durable since; whether there was something.
    fn extend(&mut self) -> bool {
        let durable = self.shared.durable();
        let last = self.query.bounds.up_to.map_or(durable, |bound| bound.min(durable)).0;
        let grew = last > self.range.last;
        if grew {
            self.range.last = last;
            self.sight = Sight::Kept(View::new(&self.shared, durable));
            self.begin_walk(); // the walk counted the postings when it began
        }
        grew
    }
}
