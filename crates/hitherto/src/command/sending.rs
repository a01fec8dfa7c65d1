//! A command that is about to be sent: its key, its story, and then its answer.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;

use hitherto_store::{EventId, Saved};
use tracing::Instrument;

use super::envelope::{Envelope, Refusal};
use super::middleware::Answer;
use super::{Command, Commands};
use crate::cause::Cause;
use crate::{Error, Result, UpdateError};

/// A typed command that is about to be sent: see [`Commands::send`]. Nothing happens before it is
/// awaited.
#[must_use = "nothing happens before it is awaited"]
pub struct Sending<'a, C> {
    commands: &'a Commands,
    envelope: Envelope,
    command: PhantomData<fn() -> C>,
}

/// A command from outside that is about to be sent: see [`Commands::send_json`]. Nothing happens
/// before it is awaited.
#[must_use = "nothing happens before it is awaited"]
pub struct SendingJson<'a> {
    commands: &'a Commands,
    envelope: Result<Envelope>,
}

impl<'a, C: Command> Sending<'a, C> {
    pub(super) fn new(commands: &'a Commands, envelope: Envelope) -> Self {
        Self { commands, envelope, command: PhantomData }
    }

    /// With an idempotency key: however often it is sent, and whatever happens meanwhile, it has
    /// one answer. Another command with the same key is an error.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.envelope.key = Some(key.into());
        self
    }

    /// As a part of this story: the id of a request, for example.
    pub fn correlation(mut self, id: EventId) -> Self {
        self.envelope.correlation = Some(id);
        self
    }

    /// Because of an event, in a reaction: the event takes the place of the key.
    pub fn because(mut self, cause: impl Into<Cause>) -> Self {
        self.envelope.because = Some(cause.into());
        self
    }
}

impl<'a, C: Command> IntoFuture for Sending<'a, C> {
    type Output = Result<Saved, UpdateError<C::Refusal>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { commands, envelope, .. } = self;
        Box::pin(async move {
            answer(commands, &envelope).await.map_err(|error| match error {
                UpdateError::Store(error) => UpdateError::Store(error),
                UpdateError::Refused(refusal) => typed(refusal),
            })
        })
    }
}

impl<'a> SendingJson<'a> {
    pub(super) fn new(commands: &'a Commands, envelope: Result<Envelope>) -> Self {
        Self { commands, envelope }
    }

    /// As [`Sending::key`].
    pub fn key(mut self, key: impl Into<String>) -> Self {
        if let Ok(envelope) = &mut self.envelope {
            envelope.key = Some(key.into());
        }
        self
    }

    /// As [`Sending::correlation`].
    pub fn correlation(mut self, id: EventId) -> Self {
        if let Ok(envelope) = &mut self.envelope {
            envelope.correlation = Some(id);
        }
        self
    }
}

impl<'a> IntoFuture for SendingJson<'a> {
    type Output = Result<Saved, UpdateError<String>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { commands, envelope } = self;
        Box::pin(async move {
            let envelope = envelope?;
            answer(commands, &envelope).await.map_err(|error| match error {
                UpdateError::Store(error) => UpdateError::Store(error),
                UpdateError::Refused(refusal) => UpdateError::Refused(refusal.to_string()),
            })
        })
    }
}

/// Dispatches in a span, and tells what came of it.
async fn answer(commands: &Commands, envelope: &Envelope) -> Answer {
    let correlation = envelope.correlation().map(tracing::field::display);
    let span =
        tracing::debug_span!("command", name = envelope.name(), key = envelope.key(), correlation);
    let told = async {
        let answer = commands.dispatch(envelope).await;
        tell(&answer);
        answer
    };
    told.instrument(span).await
}

fn tell(answer: &Answer) {
    match answer {
        Ok(Saved { position, repeated, .. }) => tracing::debug!(%position, repeated, "done"),
        Err(UpdateError::Refused(refusal)) => tracing::debug!(%refusal, "refused"),
        Err(UpdateError::Store(error)) => tracing::warn!(%error, "failed"),
    }
}

/// The refusal as the command's own type. A middleware may have refused in a type of its own.
fn typed<R: 'static>(refusal: Refusal) -> UpdateError<R> {
    match refusal.downcast() {
        Ok(refusal) => UpdateError::Refused(refusal),
        Err(other) => UpdateError::Store(Error::invalid(format!(
            "{other} was refused by a middleware, in a type that is not the command's: let it answer \
             with an error, or refuse as the command does"
        ))),
    }
}
