//! What went wrong, sorted: the event's own fault, or the server's.

use std::error::Error as StdError;

use hitherto::runner::{Ended, Failure};
use hitherto::{Error, ErrorKind};
use tokio_postgres::error::SqlState;

/// Why a statement failed.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The statement is what is wrong: its values, its words, a rule of its tables.
    Statement(Error),
    /// The server cannot do it now, or is not there. Whether it did it is not known.
    Server(Error),
    /// Waiting does not cure it.
    Ended(Ended),
}

/// Errors of these classes are those of the statement.
const STATEMENT_CLASSES: [&str; 10] = ["0A", "21", "22", "23", "2F", "38", "39", "42", "44", "P0"];

impl Trouble {
    /// The same, where no event is at work: a statement of our own that fails is a failure that
    /// waiting does not cure.
    pub(crate) fn without_event(self, what: &str) -> Failure {
        match self {
            Self::Statement(error) => Failure::Ended(Ended::Failed(format!("{what}: {error}"))),
            Self::Server(error) => Failure::Unavailable(error),
            Self::Ended(ended) => Failure::Ended(ended),
        }
    }

    /// As an error for who called.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Statement(error) | Self::Server(error) => error,
            Self::Ended(ended) => Error::invalid(ended.to_string()),
        }
    }
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        let message = message_of(&error);
        if is_of_statement(&error) {
            Self::Statement(Error::invalid(message))
        } else {
            Self::Server(Error::new(ErrorKind::Unavailable, message))
        }
    }
}

fn is_of_statement(error: &tokio_postgres::Error) -> bool {
    let Some(code) = error.code() else { return is_of_value(error) };
    let is_right_missing = *code == SqlState::INSUFFICIENT_PRIVILEGE;
    STATEMENT_CLASSES.contains(&&code.code()[..2]) && !is_right_missing
}

/// A value that does not fit is found before anything is sent.
fn is_of_value(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    text.starts_with("error serializing parameter") || text.starts_with("error encoding message")
}

/// All that the server has said.
fn message_of(error: &tokio_postgres::Error) -> String {
    let Some(said) = error.as_db_error() else {
        return match error.source() {
            Some(source) => format!("PostgreSQL: {error}: {source}"),
            None => format!("PostgreSQL: {error}"),
        };
    };
    let mut message = format!("PostgreSQL: {} [{}]", said.message(), said.code().code());
    for more in [said.detail(), said.hint()].into_iter().flatten() {
        message.push_str(": ");
        message.push_str(more);
    }
    message
}
