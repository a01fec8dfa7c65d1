//! Commands as data: a small typed dispatcher, for those who want a command bus.

mod envelope;
mod middleware;
mod route;
mod sending;

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use envelope::{Envelope, Refusal};
pub use middleware::{Answer, Answering, Middleware, Next};
pub use sending::{Sending, SendingJson};

use crate::{Aggregate, Decision, Error, Repository, Result, Store};
use route::{Deciding, Route, Updating};

/// Something that somebody wants to happen, as plain data.
///
/// ```
/// use hitherto::Command;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Withdraw { account: String, amount: u64 }
///
/// #[derive(Debug, PartialEq)]
/// struct InsufficientFunds;
///
/// impl Command for Withdraw {
///     const NAME: &'static str = "Withdraw";
///     type Refusal = InsufficientFunds;
///
///     fn validate(&self) -> Result<(), String> {
///         if self.amount == 0 { Err("an amount of 0 moves nothing".into()) } else { Ok(()) }
///     }
/// }
/// # assert!(Withdraw { account: "a".into(), amount: 0 }.validate().is_err());
/// ```
pub trait Command: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its name, in the imperative, for whoever sends it as JSON. Never change it while answers to
    /// it may be asked for again.
    const NAME: &'static str;

    /// Why it is refused: the refusal of the aggregate or of the decision that it is for.
    type Refusal: fmt::Debug + Send + 'static;

    /// Whether it makes sense at all, whatever has happened. Asked before anything is read.
    ///
    /// # Errors
    /// What is wrong with it, for whoever sent it.
    fn validate(&self) -> Result<(), String> {
        Ok(())
    }
}

/// How many characters of what somebody outside has sent are told in an error.
const SAID_MAX: usize = 300;

/// A small typed dispatcher: knows for each command whom it is for and what it does.
///
/// A command is validated, passes the [middleware](Middleware), and changes one aggregate or makes
/// one decision. With an idempotency [key](Sending::key) it has one answer for ever: sent again,
/// also after a restart, it gets the first one from the store, be it a refusal. Whoever does not
/// need all that calls [`Repository::update`].
///
/// ```
/// # use hitherto::{Aggregate, Event, Root, ensure};
/// # #[derive(Event, Debug, PartialEq)]
/// # enum AccountEvent { MoneyDeposited { amount: u64 }, MoneyWithdrawn { amount: u64 } }
/// # use AccountEvent::*;
/// # #[derive(Debug, PartialEq)] struct InsufficientFunds;
/// # #[derive(Default)] struct BankAccount { root: Root<AccountEvent>, balance: u64 }
/// # impl Aggregate for BankAccount {
/// #     const CATEGORY: &'static str = "account";
/// #     type Id = String; type Event = AccountEvent; type Error = InsufficientFunds;
/// #     fn root(&mut self) -> &mut Root<AccountEvent> { &mut self.root }
/// #     fn apply(&mut self, event: &AccountEvent) { match event {
/// #         MoneyDeposited { amount } => self.balance += amount,
/// #         MoneyWithdrawn { amount } => self.balance -= amount,
/// #     } }
/// # }
/// # impl BankAccount {
/// #     fn deposit(&mut self, amount: u64) -> Result<(), InsufficientFunds> {
/// #         self.raise(MoneyDeposited { amount })
/// #     }
/// #     fn withdraw(&mut self, amount: u64) -> Result<(), InsufficientFunds> {
/// #         ensure(self.balance >= amount, InsufficientFunds)?;
/// #         self.raise(MoneyWithdrawn { amount })
/// #     }
/// # }
/// use hitherto::{Command, Commands, Outcome, Repository, Store};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Deposit { account: String, amount: u64 }
///
/// impl Command for Deposit {
///     const NAME: &'static str = "Deposit";
///     type Refusal = InsufficientFunds;
/// }
///
/// #[derive(Serialize, Deserialize)]
/// struct Withdraw { account: String, amount: u64 }
///
/// impl Command for Withdraw {
///     const NAME: &'static str = "Withdraw";
///     type Refusal = InsufficientFunds;
/// }
///
/// # hitherto::wait(async {
/// let store = Store::in_memory();
/// let accounts = Repository::<BankAccount>::new(&store);
/// let commands = Commands::new(&store)
///     .update(&accounts, |c: &Deposit| &c.account, |account, c| account.deposit(c.amount))
///     .update(&accounts, |c: &Withdraw| &c.account, |account, c| account.withdraw(c.amount));
///
/// commands.send(Deposit { account: "ACC-001".into(), amount: 500 }).await.must()?;
/// for attempt in [1, 2] {
///     let withdraw = Withdraw { account: "ACC-001".into(), amount: 500 };
///     let saved = commands.send(withdraw).key("order-7").await.must()?;
///     assert_eq!(saved.repeated, attempt == 2); // the money went once
/// }
/// # Ok::<(), hitherto::Error>(()) }).unwrap();
/// ```
pub struct Commands {
    store: Store,
    routes: HashMap<&'static str, Box<dyn Route>>,
    around: Vec<Box<dyn Middleware>>,
}

impl Commands {
    /// A dispatcher that knows no command yet.
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone(), routes: HashMap::new(), around: Vec::new() }
    }

    /// Knows a command from now on: whom it is for, and what it does there.
    ///
    /// # Panics
    /// If a command of this name is known already.
    #[must_use]
    pub fn update<C, A>(
        self,
        aggregates: &Repository<A>,
        target: impl Fn(&C) -> &A::Id + Send + Sync + 'static,
        run: impl Fn(&mut A, &C) -> Result<(), A::Error> + Send + Sync + 'static,
    ) -> Self
    where
        C: Command<Refusal = A::Error>,
        A: Aggregate,
        A::Id: fmt::Display,
        A::Error: fmt::Debug + Send,
    {
        let aggregates = aggregates.clone();
        self.route(C::NAME, Updating { aggregates, target, run, command: PhantomData })
    }

    /// Knows a command from now on that is a decision of its own.
    ///
    /// # Panics
    /// If a command of this name is known already.
    #[must_use]
    pub fn decide<C>(self) -> Self
    where
        C: Command + Decision<Error = <C as Command>::Refusal>,
    {
        let store = self.store.clone();
        self.route(C::NAME, Deciding { store, command: PhantomData::<fn() -> C> })
    }

    fn route(mut self, name: &'static str, route: impl Route + 'static) -> Self {
        let before = self.routes.insert(name, Box::new(route));
        assert!(before.is_none(), "two commands are called {name}: give each a name of its own");
        self
    }

    /// Puts something around every command: what is put first is outermost. It stands inside of
    /// validation, and outside of everything that reads or writes.
    #[must_use]
    pub fn around(mut self, middleware: impl Middleware) -> Self {
        self.around.push(Box::new(middleware));
        self
    }

    /// Sends a command: await what is returned.
    ///
    /// # Errors
    /// The refusal; `Invalid` if the command is not known, not valid, or its key was used for
    /// another one; or what the store could not do.
    pub fn send<C: Command>(&self, command: C) -> Sending<'_, C> {
        Sending::new(self, Envelope::new(command))
    }

    /// Sends a command that came from outside: await what is returned. A refusal is told in words.
    ///
    /// # Errors
    /// As [`Commands::send`]; `Invalid` too if the JSON does not have the command's fields.
    pub fn send_json(&self, name: &str, json: &[u8]) -> SendingJson<'_> {
        SendingJson::new(self, self.known(name).and_then(|route| route.read(json)))
    }

    /// The names of all commands that are known.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.routes.keys().copied().collect();
        names.sort_unstable();
        names
    }

    fn known(&self, name: &str) -> Result<&dyn Route> {
        self.routes.get(name).map(|route| &**route).ok_or_else(|| {
            let (name, names) = (briefly(name), self.names().join(", "));
            Error::invalid(format!(
                "no command is called {name:?}, and nothing was done: known are {names}"
            ))
        })
    }

    async fn dispatch(&self, envelope: &Envelope) -> Answer {
        let route = self.known(envelope.name())?;
        envelope.validate()?;
        Next { around: &self.around, route, command: envelope }.run().await
    }
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commands").field("names", &self.names()).finish_non_exhaustive()
    }
}

/// What somebody outside has sent, in words that a log can take.
fn briefly(said: &str) -> String {
    match said.char_indices().nth(SAID_MAX) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said.to_owned(),
    }
}
