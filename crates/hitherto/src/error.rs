//! Refusals and errors side by side: what the business refuses, and what the machine could not do.

use std::error::Error as StdError;
use std::fmt;

use hitherto_store::Saved;

use crate::{Error, Result};

/// Why an update did not happen. Business and machinery never mix.
#[derive(Debug)]
pub enum UpdateError<E> {
    /// The aggregate or the decision refused. Nothing happened to it. In a
    /// [reaction](crate::Repository::because) it is kept that it refused, and it refuses again.
    Refused(E),
    /// The store could not do it: see [`Error::kind`] for what to do.
    Store(Error),
}

impl<E> UpdateError<E> {
    /// The refusal, if it is one.
    pub fn refused(&self) -> Option<&E> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Store(_) => None,
        }
    }
}

impl<E> From<Error> for UpdateError<E> {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl<E: fmt::Debug> fmt::Display for UpdateError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "refused: {refusal:?}"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug> StdError for UpdateError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Refused(_) => None,
            Self::Store(error) => Some(error),
        }
    }
}

/// Two ways to look at the outcome of an update: see its methods.
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
/// use hitherto::{Outcome, Repository, Store, UpdateError};
///
/// # hitherto::wait(async {
/// let accounts = Repository::<BankAccount>::new(&Store::in_memory());
/// accounts.update("ACC-001", |account| account.deposit(500)).await.must()?;
///
/// let outcome = accounts.update("ACC-001", |account| account.withdraw(5_000)).await;
/// match &outcome {
///     Err(UpdateError::Refused(InsufficientFunds)) => println!("there is not so much"),
///     other => panic!("{other:?}"),
/// }
/// assert_eq!(outcome.refusal()?, Some(InsufficientFunds));
/// # Ok::<(), hitherto::Error>(()) }).unwrap();
/// ```
pub trait Outcome<E> {
    /// A refusal becomes a value, so that `?` passes on only what the machine could not do.
    ///
    /// # Errors
    /// What the store could not do.
    fn refusal(self) -> Result<Option<E>>;

    /// A refusal becomes an error: here it must not happen.
    ///
    /// # Errors
    /// What the store could not do, or `Invalid` with the refusal's name.
    fn must(self) -> Result<Saved>
    where
        E: fmt::Debug;
}

impl<E> Outcome<E> for Result<Saved, UpdateError<E>> {
    fn refusal(self) -> Result<Option<E>> {
        match self {
            Ok(_) => Ok(None),
            Err(UpdateError::Refused(refusal)) => Ok(Some(refusal)),
            Err(UpdateError::Store(error)) => Err(error),
        }
    }

    fn must(self) -> Result<Saved>
    where
        E: fmt::Debug,
    {
        self.map_err(|error| match error {
            UpdateError::Refused(refusal) => Error::invalid(format!(
                "{refusal:?} was refused where a refusal was not expected: handle it with `refusal()`"
            )),
            UpdateError::Store(error) => error,
        })
    }
}
