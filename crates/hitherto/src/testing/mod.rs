//! Tests of one line each: given what happened, when this is done, then that happens, or is
//! refused.
//!
//! ```
//! # use hitherto::{Aggregate, Event, Root, ensure};
//! # #[derive(Event, Debug, PartialEq)]
//! # enum AccountEvent { AccountOpened { initial_deposit: u64 }, MoneyWithdrawn { amount: u64 } }
//! # use AccountEvent::*;
//! # #[derive(Debug, PartialEq)] struct InsufficientFunds;
//! # #[derive(Default)] struct BankAccount { root: Root<AccountEvent>, balance: u64 }
//! # impl Aggregate for BankAccount {
//! #     const CATEGORY: &'static str = "account";
//! #     type Id = String; type Event = AccountEvent; type Error = InsufficientFunds;
//! #     fn root(&mut self) -> &mut Root<AccountEvent> { &mut self.root }
//! #     fn apply(&mut self, event: &AccountEvent) { match event {
//! #         AccountOpened { initial_deposit } => self.balance = *initial_deposit,
//! #         MoneyWithdrawn { amount } => self.balance -= amount,
//! #     } }
//! # }
//! # impl BankAccount {
//! #     fn withdraw(&mut self, amount: u64) -> Result<(), InsufficientFunds> {
//! #         ensure(self.balance >= amount, InsufficientFunds)?;
//! #         self.raise(MoneyWithdrawn { amount })
//! #     }
//! # }
//! use hitherto::testing::*;
//!
//! BankAccount::given([AccountOpened { initial_deposit: 1_000 }])
//!     .when(|account| account.withdraw(200))
//!     .then([MoneyWithdrawn { amount: 200 }]);
//!
//! BankAccount::given([AccountOpened { initial_deposit: 1_000 }])
//!     .when(|account| account.withdraw(5_000))
//!     .refused(InsufficientFunds);
//! ```
//!
//! The rules for what may be appended are asked as well, as a save would: `.then(…)` fails where
//! one says no, and `.not_valid(…)` expects it.
//!
//! Every event that a test names goes through its bytes and back, as it would through a store: a
//! test sees what production sees.

mod checks;
mod history;

use std::fmt::Debug;

pub use checks::{check_handlers, check_replay, check_snapshots};
pub use history::check_history;

use crate::event::as_stored;
use crate::repository::check_raised;
use crate::{
    Aggregate, Append, Decision, Event, EventId, Position, Query, Store, StreamName, UpdateError,
};

/// What has happened to an aggregate before the test.
pub trait Given: Aggregate {
    /// The aggregate after these events.
    fn given(events: impl IntoIterator<Item = Self::Event>) -> GivenAggregate<Self> {
        GivenAggregate(replayed(events))
    }
}

impl<A: Aggregate> Given for A {}

/// An aggregate with a history: see [`Given`].
#[must_use = "say what is done: `.when(…)`"]
pub struct GivenAggregate<A>(A);

/// What a command or a decision answered: see [`GivenAggregate::when`] and [`GivenEvents::decide`].
#[must_use = "say what is expected: `.then(…)`, `.refused(…)` or `.not_valid(…)`"]
pub struct Done<E, R> {
    events: Vec<E>,
    refusal: Option<R>,
    /// Why the events would not be appended.
    invalid: Option<crate::Error>,
}

impl<A: Aggregate> GivenAggregate<A> {
    /// Runs a command, and asks the rules for what may be appended, as saving would.
    pub fn when(
        mut self,
        command: impl FnOnce(&mut A) -> Result<(), A::Error>,
    ) -> Done<A::Event, A::Error> {
        let refusal = command(&mut self.0).err();
        let raised: Vec<_> = self.0.root().uncommitted.drain(..).map(|r| r.event).collect();
        let invalid = raised.iter().find_map(|event| check_raised(&self.0, event).err());
        let events = raised.iter().map(|event| through_bytes(&**event)).collect();
        Done { events, refusal, invalid }
    }

    /// Looks at the state that the events have led to.
    pub fn state(self, look: impl FnOnce(&A)) {
        look(&self.0);
    }
}

impl<E: Debug + PartialEq, R: Debug> Done<E, R> {
    /// Exactly these events happened, in this order.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = E>) {
        if let Some(refusal) = self.refusal {
            panic!("refused with {refusal:?}, after raising {:?}", self.events);
        }
        self.assert_valid();
        let expected: Vec<_> = expected.into_iter().collect();
        assert!(
            self.events == expected,
            "other events happened\n expected: {expected:?}\n happened: {:?}",
            self.events
        );
    }

    /// Nothing happened.
    ///
    /// # Panics
    /// If something did, or it was refused.
    #[track_caller]
    pub fn then_nothing(self) {
        self.then([]);
    }

    /// It was refused with this refusal.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a refusal is named, not lent, in a test")]
    pub fn refused(self, expected: R)
    where
        R: PartialEq,
    {
        match &self.refusal {
            Some(refusal) if *refusal == expected => {}
            Some(refusal) => {
                panic!("refused otherwise\n expected: {expected:?}\n refused with: {refusal:?}")
            }
            None => {
                self.assert_valid();
                panic!("not refused with {expected:?}: {:?} happened", self.events)
            }
        }
    }

    /// The command did not refuse, but a rule for what may be appended did, for a reason with these
    /// words: that of the aggregate, that of its events, or that a kind is deprecated.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn not_valid(self, words: &str) {
        if let Some(refusal) = self.refusal {
            panic!("refused with {refusal:?}, before a rule with the words {words:?} was asked");
        }
        match self.invalid.map(|error| error.to_string()) {
            Some(reason) if reason.contains(words) => {}
            Some(reason) => {
                panic!("not valid for another reason\n expected: {words}\n found:    {reason}")
            }
            None => panic!("valid, although {words:?} was expected: {:?} happened", self.events),
        }
    }

    #[track_caller]
    fn assert_valid(&self) {
        if let Some(reason) = &self.invalid {
            panic!("{:?} would not be appended: {reason}", self.events);
        }
    }
}

/// What has happened before a decision is tested.
///
/// Only the events that the decision's query matches reach it, as from a store.
pub fn given<E: Event>(events: impl IntoIterator<Item = E>) -> GivenEvents<E> {
    GivenEvents(events.into_iter().map(|event| (None, event)).collect())
}

/// A history: see [`given`].
#[must_use = "say what is decided: `.decide(…)`"]
pub struct GivenEvents<E>(Vec<(Option<StreamName>, E)>);

impl<E: Event> GivenEvents<E> {
    /// The same history, and these events in a stream: for decisions that look at streams.
    pub fn and_in(
        mut self,
        stream: impl Into<StreamName>,
        events: impl IntoIterator<Item = E>,
    ) -> Self {
        let stream = stream.into();
        self.0.extend(events.into_iter().map(|event| (Some(stream.clone()), event)));
        self
    }

    /// Makes a decision over what happened.
    #[track_caller]
    pub fn decide<D: Decision<Event = E>>(self, decision: &D) -> Done<E, D::Error> {
        let store = Store::in_memory();
        let before =
            self.0.iter().map(|(stream, event)| store_event(&store, stream.as_ref(), event)).last();
        let (refusal, invalid) = match crate::wait(store.decide(decision)) {
            Err(UpdateError::Store(error)) => (None, Some(error)),
            Err(UpdateError::Refused(refusal)) => (Some(refusal), None),
            Ok(_) => (None, None),
        };
        let happened = store.read_as::<E>(Query::all().after(before.unwrap_or(Position::START)));
        let events = happened.map(|event| event.expect("it was just stored").data).collect();
        Done { events, refusal, invalid }
    }
}

/// Stores what a test says has happened. The rules for new events are not asked: it may be long
/// ago.
#[track_caller]
fn store_event<E: Event>(store: &Store, stream: Option<&StreamName>, event: &E) -> Position {
    let append = stream.map_or_else(Append::without_stream, |s| Append::to(s.clone()));
    let new = as_stored(event, EventId::new());
    let stored = new.and_then(|new| crate::wait(store.append(append.event(new))));
    match stored {
        Ok(saved) => saved.position,
        Err(error) => panic!("{} cannot be stored: {error}", event.kind().name),
    }
}

/// An aggregate after these events, each through its bytes and back.
fn replayed<A: Aggregate>(events: impl IntoIterator<Item = A::Event>) -> A {
    let mut aggregate = A::default();
    for event in events {
        aggregate.apply(&through_bytes(&event));
        aggregate.root().saved_version += 1;
    }
    aggregate
}

/// The event as a reader gets it.
#[track_caller]
fn through_bytes<E: Event>(event: &E) -> E {
    let kind = event.kind();
    let decoded = event.encode().and_then(|bytes| E::decode(kind.name, kind.version, &bytes));
    decoded.unwrap_or_else(|error| panic!("{} does not come back: {error}", kind.name))
}
