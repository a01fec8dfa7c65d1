//! Statements as data: what a projection says, and a place runs.

use std::borrow::Cow;

use super::value::{Parameters, Value};
use crate::{Error, Result};

/// The statements of one event, in order.
///
/// ```
/// use hitherto::Sql;
///
/// let mut sql = Sql::default();
/// sql.run("update balances set cents = cents + ? where account = ?", (500, "ACC-001"));
/// assert_eq!(sql.statements()?.len(), 1);
/// # Ok::<(), hitherto::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Sql {
    statements: Vec<Statement>,
    error: Option<Error>,
}

/// A statement and the values for its `?`.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// What is run, with a `?` for each value.
    pub text: Cow<'static, str>,
    /// The values, in the order of the `?`.
    pub values: Vec<Value>,
}

impl Sql {
    /// Adds a statement, with the values for its `?` in order.
    ///
    /// A value that no database can keep makes the event fail: see [`Sql::statements`].
    pub fn run(&mut self, text: impl Into<Cow<'static, str>>, values: impl Parameters) {
        match values.into_values() {
            Ok(values) => self.statements.push(Statement { text: text.into(), values }),
            Err(error) => self.error = self.error.take().or(Some(error)),
        }
    }

    /// Says that the event cannot be projected: it is retried, parked and shown with this reason.
    pub fn refuse(&mut self, reason: impl Into<String>) {
        self.error = self.error.take().or_else(|| Some(Error::invalid(reason)));
    }

    /// What to run.
    ///
    /// # Errors
    /// `Invalid` if a value cannot be kept, or the projection has [refused](Sql::refuse).
    pub fn statements(&self) -> Result<&[Statement]> {
        match &self.error {
            Some(error) => Err(error.duplicate()),
            None => Ok(&self.statements),
        }
    }

    /// What to run, to be kept.
    ///
    /// # Errors
    /// As [`Sql::statements`].
    pub fn into_statements(self) -> Result<Vec<Statement>> {
        self.error.map_or(Ok(self.statements), Err)
    }

    /// Forgets everything, to be used for the next event.
    pub fn clear(&mut self) {
        self.statements.clear();
        self.error = None;
    }
}
