//! Refusals and errors side by side: what the business refuses, and what the machine could not do.

use std::error::Error as StdError;
use std::fmt;

use hitherto_store::Saved;

use crate::{Error, Result};

/// Why an update did not happen. Business and machinery never mix.
#[derive(Debug)]
pub enum UpdateError<E> {
    /// The aggregate or the decision refused. Nothing was written.
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
