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
//! Every event that a test names goes through its bytes and back, as it would through a store: a
//! test sees what production sees.

mod checks;
mod history;

use std::fmt::Debug;

pub use checks::{check_handlers, check_replay, check_snapshots};
pub use history::check_history;

use crate::event::as_stored;
use crate::{Aggregate, Decision, Event, EventId};

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

/// What a command did: see [`GivenAggregate::when`].
#[must_use = "say what is expected: `.then(…)` or `.refused(…)`"]
pub struct Done<E, R> {
    events: Vec<E>,
    refusal: Option<R>,
}

impl<A: Aggregate> GivenAggregate<A> {
    /// Runs a command.
    pub fn when(
        mut self,
        command: impl FnOnce(&mut A) -> Result<(), A::Error>,
    ) -> Done<A::Event, A::Error> {
        let refusal = command(&mut self.0).err();
        let aggregate = &mut self.0;
        let raised: Vec<_> = aggregate.root().uncommitted.drain(..).collect();
        for raised in &raised {
            if let Err(reason) = self.0.validate(&raised.event) {
                panic!("{} would not be appended: {reason}", raised.event.kind().name);
            }
        }
        Done { events: raised.iter().map(|r| through_bytes(&*r.event)).collect(), refusal }
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
        match self.refusal {
            Some(refusal) if refusal == expected => {}
            Some(refusal) => {
                panic!("refused otherwise\n expected: {expected:?}\n refused with: {refusal:?}")
            }
            None => panic!("not refused with {expected:?}: {:?} happened", self.events),
        }
    }
}

/// What has happened before a decision is tested.
///
/// Only the events that the decision's query matches reach it, as from a store.
pub fn given<E: Event>(events: impl IntoIterator<Item = E>) -> GivenEvents<E> {
    GivenEvents(events.into_iter().collect())
}

/// A history: see [`given`].
#[must_use = "say what is decided: `.decide(…)`"]
pub struct GivenEvents<E>(Vec<E>);

impl<E: Event> GivenEvents<E> {
    /// Makes a decision over what happened.
    pub fn decide<D: Decision<Event = E>>(self, decision: &D) -> Done<E, D::Error> {
        let store = crate::Store::in_memory();
        let mut before = crate::Position::START;
        for event in &self.0 {
            let new = as_stored(event, EventId::new()).expect("what happened can be stored");
            let append = crate::Append::without_stream().event(new);
            before = crate::wait(store.append(append)).expect("memory takes it").position;
        }
        let decided = crate::wait(store.decide(decision));
        let refusal = match decided {
            Err(crate::UpdateError::Store(error)) => {
                panic!("the decision cannot be stored: {error}")
            }
            Err(crate::UpdateError::Refused(refusal)) => Some(refusal),
            Ok(_) => None,
        };
        let happened = store.read_as::<E>(crate::Query::all().after(before));
        let events = happened.map(|event| event.expect("it was just stored").data).collect();
        Done { events, refusal }
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
