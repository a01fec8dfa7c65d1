//! Where a command goes: to one aggregate, or to a decision.

use std::fmt;
use std::marker::PhantomData;

use super::envelope::{Envelope, Refusal};
use super::middleware::Answering;
use super::{Command, briefly};
use crate::{Aggregate, Decision, Error, Repository, Result, Store, UpdateError};

/// Where a command goes.
pub(super) trait Route: Send + Sync {
    /// The command from its JSON.
    fn read(&self, json: &[u8]) -> Result<Envelope>;

    /// Runs the command.
    fn run<'a>(&'a self, envelope: &'a Envelope) -> Answering<'a>;
}

/// A command that changes an aggregate.
pub(super) struct Updating<C, A, T, F> {
    pub(super) aggregates: Repository<A>,
    pub(super) target: T,
    pub(super) run: F,
    pub(super) command: PhantomData<fn() -> C>,
}

impl<C, A, T, F> Route for Updating<C, A, T, F>
where
    C: Command<Refusal = A::Error>,
    A: Aggregate,
    A::Id: fmt::Display,
    A::Error: fmt::Debug + Send + 'static,
    T: Fn(&C) -> &A::Id + Send + Sync,
    F: Fn(&mut A, &C) -> Result<(), A::Error> + Send + Sync,
{
    fn read(&self, json: &[u8]) -> Result<Envelope> {
        read::<C>(json)
    }

    fn run<'a>(&'a self, envelope: &'a Envelope) -> Answering<'a> {
        Box::pin(async move {
            let command = opened::<C>(envelope)?;
            let aggregates = match envelope.cause()? {
                Some(cause) => self.aggregates.because(cause),
                None => self.aggregates.clone(),
            };
            let run = |aggregate: &mut A| (self.run)(aggregate, command);
            aggregates.update((self.target)(command), run).await.map_err(untyped)
        })
    }
}

/// A command that is a decision.
pub(super) struct Deciding<C> {
    pub(super) store: Store,
    pub(super) command: PhantomData<fn() -> C>,
}

impl<C> Route for Deciding<C>
where
    C: Command + Decision<Error = <C as Command>::Refusal>,
{
    fn read(&self, json: &[u8]) -> Result<Envelope> {
        read::<C>(json)
    }

    fn run<'a>(&'a self, envelope: &'a Envelope) -> Answering<'a> {
        Box::pin(async move {
            let decision = opened::<C>(envelope)?;
            let answer = match envelope.cause()? {
                Some(cause) => self.store.decide_because(cause, decision).await,
                None => self.store.decide(decision).await,
            };
            answer.map_err(untyped)
        })
    }
}

fn read<C: Command>(json: &[u8]) -> Result<Envelope> {
    let command = serde_json::from_slice::<C>(json).map_err(|error| {
        let (name, why) = (C::NAME, briefly(&error.to_string()));
        Error::invalid(format!(
            "this is no {name}, and nothing was done: its fields do not fit ({why})"
        ))
    })?;
    Ok(Envelope::new(command))
}

fn opened<C: Command>(envelope: &Envelope) -> Result<&C> {
    envelope.command().ok_or_else(|| {
        Error::invalid(format!(
            "two types of commands are called {}, and nothing was done: give each a name of its own",
            C::NAME
        ))
    })
}

fn untyped<R: fmt::Debug + Send + 'static>(error: UpdateError<R>) -> UpdateError<Refusal> {
    match error {
        UpdateError::Refused(refusal) => UpdateError::Refused(Refusal::new(refusal)),
        UpdateError::Store(error) => UpdateError::Store(error),
    }
}
