//! Setting reminders and forgetting them, by way of the repository of whom they remind.

use std::borrow::Borrow;
use std::fmt::Display;

use hitherto_store::{Append, EventId, Saved, StreamName, limits};

use super::event::{ReminderEvent, When, reminder_stream};
use crate::answer::{Answer, Attempt};
use crate::event::{as_stored, check_new};
use crate::repository::stream_of;
use crate::{Aggregate, Event, Repository, Result};

impl<A: Aggregate> Repository<A> {
    /// Lets an event happen to an aggregate later: after a duration, or at a time. It is given by
    /// [`Reminders`](crate::Reminders), which must run somewhere, once and in the order in which
    /// reminders are due.
    ///
    /// What happens later is a fact about time: no command decides it, and the aggregate must
    /// accept it in any state. Let a process react to it with a command that can refuse.
    ///
    /// In a [reaction](Repository::because) it is set once, however often it is delivered; two
    /// reminders of one kind for one aggregate are told apart by the names of their reactions.
    ///
    /// ```
    /// # use hitherto::{Aggregate, Event, Root};
    /// # #[derive(Event, Debug, PartialEq)]
    /// # enum TransferEvent { TransferRequested { amount: u64 }, TransferTimedOut }
    /// # use TransferEvent::*;
    /// # #[derive(Default)] struct Transfer { root: Root<TransferEvent>, is_late: bool }
    /// # impl Aggregate for Transfer {
    /// #     const CATEGORY: &'static str = "transfer";
    /// #     type Id = String; type Event = TransferEvent; type Error = ();
    /// #     fn root(&mut self) -> &mut Root<TransferEvent> { &mut self.root }
    /// #     fn apply(&mut self, event: &TransferEvent) {
    /// #         self.is_late = *event == TransferTimedOut;
    /// #     }
    /// # }
    /// use std::time::Duration;
    /// use hitherto::{Reminders, Repository, Store};
    ///
    /// # hitherto::wait(async {
    /// let store = Store::in_memory();
    /// let transfers = Repository::<Transfer>::new(&store);
    /// transfers.remind("T-1", Duration::from_nanos(1), TransferTimedOut).await?;
    ///
    /// let given = Reminders::new(&store).give_due().await?;
    /// assert_eq!((given, transfers.load("T-1").await?.is_late), (1, true));
    /// # Ok::<(), hitherto::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `Invalid` if the event's own type does not let it through; `Invalid` for a second reminder
    /// of this kind in one reaction; or what the store could not do.
    pub fn remind<Q, W>(
        &self,
        id: &Q,
        when: W,
        event: A::Event,
    ) -> impl Future<Output = Result<Saved>> + Send + use<A, Q, W>
    where
        W: Into<When>,
        A::Id: Borrow<Q>,
        Q: Display + ?Sized,
    {
        let (this, stream, when) = (self.clone(), stream_of::<A>(id), when.into());
        async move {
            let stream = stream?;
            check_new(&event)?;
            limits::check_append(
                &Append::to(stream.clone()).event(as_stored(&event, EventId::new())?),
            )?;
            let set = ReminderEvent::set(&event, when)?;
            this.note(&stream, event.kind().name, set).await
        }
    }

    /// Lets no reminder of an aggregate come any more that was set before and is not due yet.
    ///
    /// # Errors
    /// What the store could not do.
    pub fn forget_reminders<Q>(
        &self,
        id: &Q,
    ) -> impl Future<Output = Result<Saved>> + Send + use<A, Q>
    where
        A::Id: Borrow<Q>,
        Q: Display + ?Sized,
    {
        let (this, stream) = (self.clone(), stream_of::<A>(id));
        async move { this.note(&stream?, "", ReminderEvent::RemindersForgotten).await }
    }

    /// Stores what happens to the reminders of a stream, once in a reaction.
    async fn note(&self, target: &StreamName, what: &str, event: ReminderEvent) -> Result<Saved> {
        let stream = reminder_stream(target);
        let Some(cause) = &self.cause else {
            let event = event.as_stored(EventId::new())?;
            return self.store.append(Append::to(stream).event(event)).await;
        };
        // What has one answer in a reaction is one kind of reminder, not the stream of all.
        let one = StreamName::from(format!("{stream}\n{what}"));
        let turn = cause.begin(&one)?;
        let event = cause.mark(&one, 0, event.as_stored(EventId::new())?);
        let attempt = async {
            let saved = self.store.append(Append::to(stream).event(event)).await;
            saved.map(Attempt::Stored)
        };
        let answer = cause.once::<ReminderEvent, Never>(&self.store, &one, attempt).await?;
        turn.over();
        match answer {
            Answer::Given(Ok(saved)) => Ok(saved),
            Answer::Given(Err(never)) => match never {},
            Answer::NothingSince(_) => unreachable!("setting a reminder always stores something"),
        }
    }
}

/// A refusal that there is not.
enum Never {}
