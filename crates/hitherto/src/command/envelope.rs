//! A command on its way: what it says, its key, and the story that it belongs to.

use std::any::Any;
use std::fmt;

use hitherto_store::EventId;

use super::Command;
use crate::cause::Cause;
use crate::{Error, Result};

/// What the ids of commands and of their answers are derived from.
const COMMANDS: EventId = EventId::from_u128(0xc0a4_27f1_5d0e_4b8e_9f43_8a1d_36b2_7e05);

/// A command on its way to whom it is for, as [middleware](super::Middleware) sees it.
///
/// ```
/// # use hitherto::Command;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)] struct Deposit { amount: u64 }
/// # impl Command for Deposit {
/// #     const NAME: &'static str = "Deposit";
/// #     type Refusal = ();
/// # }
/// use hitherto::command::Envelope;
///
/// let envelope = Envelope::new(Deposit { amount: 5 });
/// assert_eq!(envelope.name(), "Deposit");
/// assert_eq!(envelope.json()?, r#"{"amount":5}"#);
/// assert_eq!(envelope.command::<Deposit>().map(|deposit| deposit.amount), Some(5));
/// # Ok::<(), hitherto::Error>(())
/// ```
pub struct Envelope {
    command: Box<dyn Message>,
    pub(super) key: Option<String>,
    pub(super) correlation: Option<EventId>,
    pub(super) because: Option<Cause>,
}

/// A command whose type is not known here.
trait Message: Any + Send + Sync {
    fn name(&self) -> &'static str;
    fn validate(&self) -> Result<(), String>;
    fn json(&self) -> serde_json::Result<String>;
}

impl<C: Command> Message for C {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn validate(&self) -> Result<(), String> {
        C::validate(self)
    }

    fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

impl Envelope {
    /// A command without a key, that begins a story of its own.
    pub fn new(command: impl Command) -> Self {
        Self { command: Box::new(command), key: None, correlation: None, because: None }
    }

    /// What the command is called.
    pub fn name(&self) -> &'static str {
        self.command.name()
    }

    /// The idempotency key that it was sent with.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The story that it belongs to, if it was said.
    pub fn correlation(&self) -> Option<EventId> {
        self.because.as_ref().map(Cause::correlation).or(self.correlation)
    }

    /// The command itself, if it is of this type.
    pub fn command<C: Command>(&self) -> Option<&C> {
        let command: &dyn Any = &*self.command;
        command.downcast_ref()
    }

    /// What it says, as JSON.
    ///
    /// # Errors
    /// `Invalid` if its fields cannot be written as JSON.
    pub fn json(&self) -> Result<String> {
        self.command.json().map_err(|source| {
            let name = self.name();
            Error::invalid(format!("{name} cannot be written as JSON: change its fields' types"))
                .because(source)
        })
    }

    pub(super) fn validate(&self) -> Result<()> {
        if self.key.as_deref() == Some("") {
            return Err(Error::invalid(
                "the idempotency key is empty, and nothing was done: give the command a key of its own, \
                 or none",
            ));
        }
        self.command.validate().map_err(|reason| {
            Error::invalid(format!("{} is not valid, and nothing was done: {reason}", self.name()))
        })
    }

    /// As what the command's events are marked, if there is anything to mark them with.
    ///
    /// The answer's id follows from the key alone; that of the command from the key and all that it
    /// says, and stands as the cause in the answer. So two commands with one key are told apart.
    pub(super) fn cause(&self) -> Result<Option<Cause>> {
        if self.because.is_some() {
            return Ok(self.because.clone());
        }
        let cause = match (&self.key, self.correlation) {
            (Some(key), correlation) => {
                let answer = COMMANDS.derived(key);
                let says = format!("{}\n{}", self.name(), self.json()?);
                Cause::of_command(answer.derived(&says), answer, correlation)
            }
            (None, Some(correlation)) => {
                Cause::of_command(EventId::new(), EventId::new(), Some(correlation))
            }
            (None, None) => return Ok(None),
        };
        Ok(Some(cause))
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Envelope");
        told.field("name", &self.name()).field("key", &self.key);
        told.field("correlation", &self.correlation()).finish_non_exhaustive()
    }
}

/// A refusal whose type is not known here.
///
/// ```
/// use hitherto::command::Refusal;
///
/// #[derive(Debug, PartialEq)]
/// struct InsufficientFunds;
///
/// let refusal = Refusal::new(InsufficientFunds);
/// assert_eq!(refusal.to_string(), "InsufficientFunds");
/// assert_eq!(refusal.downcast().ok(), Some(InsufficientFunds));
/// ```
pub struct Refusal(Box<dyn Told>);

/// What can be told, and taken back by its type.
trait Told: Any + fmt::Debug + Send {}

impl<R: Any + fmt::Debug + Send> Told for R {}

impl Refusal {
    /// A refusal of any type.
    pub fn new<R: fmt::Debug + Send + 'static>(refusal: R) -> Self {
        Self(Box::new(refusal))
    }

    /// The refusal as its type.
    ///
    /// # Errors
    /// Itself, if it is of another type.
    pub fn downcast<R: 'static>(self) -> Result<R, Self> {
        let told: &dyn Any = &*self.0;
        if !told.is::<R>() {
            return Err(self);
        }
        let told: Box<dyn Any> = self.0;
        Ok(*told.downcast().expect("its type was looked at"))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
