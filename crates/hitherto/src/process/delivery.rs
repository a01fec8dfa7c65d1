//! An event on its way to a process: what happened, and the cause of what follows.

use std::fmt;
use std::future::Future;
use std::ops::Deref;

use hitherto_store::{Append, NewEvent, StreamName};

use crate::cause::Cause;
use crate::{Recorded, Result, Store};

/// Written down when an effect outside of the store has happened.
const DONE: &str = "hitherto.EffectDone";

/// An event that is delivered to a process: the recorded event, and the [`Cause`] of all that is
/// done [`because`](crate::Repository::because) of it. See [`Process`](crate::Process).
pub struct Delivery<E> {
    event: Recorded<E>,
    cause: Cause,
    store: Store,
}

impl<E> Delivery<E> {
    pub(super) fn new(event: Recorded<E>, process: &str, store: &Store) -> Self {
        let cause = Cause::from(&event).by(process);
        Self { event, cause, store: store.clone() }
    }

    /// The cause of what follows. To do two things to one stream, name a second reaction:
    /// `event.cause().clone().by("transfer-money, fee")`.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Has an effect outside of the store, such as a mail, unless it was had before because of this
    /// event: not when it is delivered again, and not when the checkpoints are lost and everything
    /// is delivered anew.
    ///
    /// If the process ends in between the effect and the moment when that is stored, it happens a
    /// second time: outside of the store nothing can be had exactly once. Whoever receives it can
    /// know a repetition by the event's id.
    ///
    /// # Errors
    /// That of the effect, and then it counts as not had; or what the store could not do.
    pub async fn once(
        &self,
        effect: &str,
        happens: impl Future<Output = Result<()>> + Send,
    ) -> Result<()> {
        let key = StreamName::from(format!("\n{effect}"));
        if self.store.find(self.cause.event_id(&key, 0)).await?.is_some() {
            return Ok(());
        }
        happens.await?;
        let told = serde_json::json!({ "effect": effect }).to_string();
        let done = self.cause.mark(&key, 0, NewEvent::json(DONE, told));
        self.store.append(Append::without_stream().event(done)).await?;
        Ok(())
    }
}

impl<E> Deref for Delivery<E> {
    type Target = Recorded<E>;

    fn deref(&self) -> &Recorded<E> {
        &self.event
    }
}

impl<E> From<&Delivery<E>> for Cause {
    fn from(delivery: &Delivery<E>) -> Self {
        delivery.cause.clone()
    }
}

impl<E: fmt::Debug> fmt::Debug for Delivery<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("event", &self.event).finish_non_exhaustive()
    }
}
