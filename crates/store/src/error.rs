//! The one error of hitherto: six kinds by what the caller should do, and a message for people.

use std::error::Error as StdError;
use std::fmt;

use crate::event::Position;

/// What a caller can do about an [`Error`]. There is a new kind only where one would act
/// differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Somebody else was faster: load again, decide again, append again.
    Conflict,
    /// What was asked for is not there: a store, an event, a position beyond the end.
    NotFound,
    /// The request itself is wrong, and will be wrong again: change it as the message says.
    Invalid,
    /// Stored bytes are damaged. Nothing damaged is ever returned as data: run `hitherto verify`.
    Corrupt,
    /// The machine could not do it now: disk full, an I/O error, another process holds the store.
    /// Repeat it later with the same event ids; if it was written after all, the answer says so.
    Unavailable,
    /// This store was closed, or stopped for good after a failed write: open it again.
    Closed,
}

/// Why an append was refused with [`ErrorKind::Conflict`], for programs that want to look closer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conflict {
    /// The stream is not at the expected version.
    WrongVersion {
        /// The full name of the stream.
        stream: String,
        /// The version that the stream has; 0 if nothing ever happened to it.
        actual: u64,
    },
    /// An event that matches the condition's query exists after the condition's position.
    ConditionFailed {
        /// The position of one such event.
        position: Position,
    },
}

/// What went wrong, where, and what to do about it.
///
/// ```
/// use hitherto_store::{Error, ErrorKind};
///
/// let error = Error::invalid("the stream name is empty: give it a category and an id");
/// assert_eq!(error.kind(), ErrorKind::Invalid);
/// assert!(!error.is_retryable());
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    conflict: Option<Conflict>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The result of everything that can fail with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of a kind, with a message that says what was wrong, where, and what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), conflict: None, source: None }))
    }

    /// An [`ErrorKind::Invalid`] error.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// An [`ErrorKind::NotFound`] error.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// An [`ErrorKind::Corrupt`] error.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// An [`ErrorKind::Unavailable`] error.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// An [`ErrorKind::Closed`] error.
    pub fn closed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Closed, message)
    }

    /// For what was under way when the store was closed.
    pub(crate) fn left_at_close() -> Self {
        Self::closed("the store was closed, and what was not done yet is left for the next time")
    }

    /// A conflict with its details; the message is made from them.
    pub fn conflict(message: impl Into<String>, conflict: Conflict) -> Self {
        let mut error = Self::new(ErrorKind::Conflict, message);
        error.0.conflict = Some(conflict);
        error
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The details of a conflict, if this is one.
    pub fn as_conflict(&self) -> Option<&Conflict> {
        self.0.conflict.as_ref()
    }

    /// Whether the same request may succeed when it is repeated: after a reload for a conflict,
    /// later for an unavailable store.
    pub fn is_retryable(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Conflict | ErrorKind::Unavailable)
    }

    /// The same error for another receiver: kind, message and conflict; the source becomes text.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let mut copy = Self::new(self.0.kind, self.0.message.clone());
        copy.0.conflict.clone_from(&self.0.conflict);
        copy.0.source = self.0.source.as_ref().map(|source| source.to_string().into());
        copy
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.source {
            Some(source) => write!(f, " ({source})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
