//! What stands around every command: who may, how long it took, how many at once.

use std::future::Future;
use std::pin::Pin;

use hitherto_store::Saved;

use super::envelope::{Envelope, Refusal};
use super::route::Route;
use crate::UpdateError;

/// What a command was answered, whatever its type.
pub type Answer = Result<Saved, UpdateError<Refusal>>;

/// An answer that is to come.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// Something around every command: looks at it before, at the answer after, or answers itself.
///
/// A function or a closure that takes an [`Envelope`] and a [`Next`] is one.
///
/// ```
/// # use hitherto::{Aggregate, Command, Event, Repository, Root, Store};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Event)] enum Counted { Counted }
/// # #[derive(Default)] struct Counter { root: Root<Counted>, count: u64 }
/// # impl Aggregate for Counter {
/// #     const CATEGORY: &'static str = "counter";
/// #     type Id = String; type Event = Counted; type Error = ();
/// #     fn root(&mut self) -> &mut Root<Counted> { &mut self.root }
/// #     fn apply(&mut self, _: &Counted) { self.count += 1 }
/// # }
/// # #[derive(Serialize, Deserialize)] struct Count { what: String }
/// # impl Command for Count { const NAME: &'static str = "Count"; type Refusal = (); }
/// use hitherto::command::{Answering, Envelope, Next};
/// use hitherto::{Commands, Error};
///
/// /// On Sundays nothing is counted.
/// fn closed<'a>(command: &'a Envelope, next: Next<'a>) -> Answering<'a> {
///     Box::pin(async move {
///         if command.key() == Some("Sunday") {
///             return Err(Error::invalid("on Sundays nothing is counted").into());
///         }
///         next.run().await
///     })
/// }
///
/// # hitherto::wait(async {
/// let store = Store::in_memory();
/// let counters = Repository::<Counter>::new(&store);
/// let commands = Commands::new(&store)
///     .update(&counters, |c: &Count| &c.what, |counter, _| counter.raise(Counted::Counted))
///     .around(closed);
///
/// let count = |key| commands.send(Count { what: "doors".into() }).key(key);
/// assert!(count("Sunday").await.is_err());
/// assert!(count("Monday").await.is_ok());
/// # });
/// ```
pub trait Middleware: Send + Sync + 'static {
    /// Answers a command, by way of what comes next or without it.
    fn handle<'a>(&'a self, command: &'a Envelope, next: Next<'a>) -> Answering<'a>;
}

impl<F> Middleware for F
where
    F: for<'a> Fn(&'a Envelope, Next<'a>) -> Answering<'a> + Send + Sync + 'static,
{
    fn handle<'a>(&'a self, command: &'a Envelope, next: Next<'a>) -> Answering<'a> {
        self(command, next)
    }
}

/// What comes after a [`Middleware`]: the next one, or in the end the command itself.
pub struct Next<'a> {
    pub(super) around: &'a [Box<dyn Middleware>],
    pub(super) route: &'a dyn Route,
    pub(super) command: &'a Envelope,
}

impl<'a> Next<'a> {
    /// Answers the command.
    pub fn run(self) -> Answering<'a> {
        match self.around.split_first() {
            Some((first, around)) => first.handle(self.command, Next { around, ..self }),
            None => self.route.run(self.command),
        }
    }
}
