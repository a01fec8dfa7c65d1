//! What SQLite says, as what the runner can do about it.

use hitherto::runner::{Ended, Failure};
use hitherto::{Error, ErrorKind};
use rusqlite::ErrorCode;

/// An error of the database outside of any event.
pub(crate) fn of_place(error: rusqlite::Error, doing: &str) -> Failure {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Failure::Ended(Ended::Failed(format!(
                "{doing}: {error}; put back a copy of the file, or \
                                                  remove it and have it built anew"
            )))
        }
        Some(ErrorCode::CannotOpen) => Failure::Unavailable(
            Error::unavailable(format!(
                "{doing}: SQLite keeps files beside it, also for who only reads, so its directory must be \
                 one that can be written"
            ))
            .because(error),
        ),
        _ => Failure::Unavailable(Error::unavailable(doing).because(error)),
    }
}

/// An error while an event's statements were run: the event's own, or the database's.
pub(crate) fn of_event(index: usize, error: rusqlite::Error, statement: &str) -> Failure {
    let Some(code) = error.sqlite_error_code() else {
        return Failure::of_event(index, refused(error, statement)); // wrong number of `?` and the like
    };
    match code {
        ErrorCode::ConstraintViolation
        | ErrorCode::TypeMismatch
        | ErrorCode::TooBig
        | ErrorCode::ParameterOutOfRange
        | ErrorCode::AuthorizationForStatementDenied
        | ErrorCode::Unknown => Failure::of_event(index, refused(error, statement)),
        _ => of_place(error, "the read model cannot be written"),
    }
}

fn refused(error: rusqlite::Error, statement: &str) -> Error {
    Error::invalid(format!("`{}` failed", shortened(statement))).because(error)
}

/// What is left of a statement when it is told in one line.
pub(crate) fn shortened(statement: &str) -> String {
    let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// A failure as an error for callers.
pub(crate) fn into_error(failure: Failure) -> Error {
    match failure {
        Failure::Event { error, .. } | Failure::Unavailable(error) => error,
        Failure::Ended(Ended::Failed(why)) => Error::new(ErrorKind::Corrupt, why),
        Failure::Ended(ended) => Error::closed(ended.to_string()),
    }
}

/// An error for callers, with what was done.
pub(crate) fn failed(doing: &str) -> impl Fn(rusqlite::Error) -> Error + '_ {
    move |error| into_error(of_place(error, doing))
}
