//! What is personal in an event: a value with its subject, until the subject is forgotten.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Event;

/// A value that belongs to a person, or to any other subject that may have to be forgotten. In
/// front of the store there must be a vault (`hitherto-vault`), which seals it under a key of the
/// subject; without one, an event that has it is refused.
///
/// ```
/// use hitherto::Personal;
///
/// let name = Personal::of("person-7", "Zoe".to_owned());
/// assert_eq!(name.value().map(String::as_str), Some("Zoe"));
///
/// let forgotten = Personal::<String>::Forgotten { subject: "person-7".to_owned() };
/// assert_eq!(forgotten.value(), None);
/// assert_eq!(forgotten.subject(), "person-7");
/// ```
///
/// The subject is stored in the clear, with streams, kinds and tags: use an id, no name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Personal<T> {
    /// The subject has its key.
    #[serde(rename = "$personal")]
    Known {
        /// Whose it is.
        subject: String,
        /// What it is.
        value: T,
    },
    /// The subject was forgotten, and nobody can read it any more.
    #[serde(rename = "$forgotten")]
    Forgotten {
        /// Whose it was.
        subject: String,
    },
}

impl<T> Personal<T> {
    /// A value that belongs to a subject.
    pub fn of(subject: impl Into<String>, value: T) -> Self {
        Self::Known { subject: subject.into(), value }
    }

    /// The value, unless its subject was forgotten.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Known { value, .. } => Some(value),
            Self::Forgotten { .. } => None,
        }
    }

    /// The value, unless its subject was forgotten.
    pub fn into_value(self) -> Option<T> {
        match self {
            Self::Known { value, .. } => Some(value),
            Self::Forgotten { .. } => None,
        }
    }

    /// Whose it is, or was.
    pub fn subject(&self) -> &str {
        match self {
            Self::Known { subject, .. } | Self::Forgotten { subject } => subject,
        }
    }

    /// Whether its subject was forgotten.
    pub fn is_forgotten(&self) -> bool {
        matches!(self, Self::Forgotten { .. })
    }
}

/// Does not show the value, so that it is in no log by accident.
impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known { subject, .. } => write!(f, "Personal({subject})"),
            Self::Forgotten { subject } => write!(f, "Forgotten({subject})"),
        }
    }
}

/// What a vault appends when a subject was forgotten. A read model that keeps what is personal
/// follows it, and removes what it has of the subject.
///
/// ```
/// use hitherto::{Event, PrivacyEvent};
///
/// let payload = br#"{"subject":"person-7","key":"6b1f"}"#;
/// let PrivacyEvent::SubjectForgotten { subject, .. } =
///     PrivacyEvent::decode("$SubjectForgotten", 1, payload)?;
/// assert_eq!(subject, "person-7");
/// # Ok::<(), hitherto::Error>(())
/// ```
#[derive(Event, Clone, Debug, PartialEq, Eq)]
pub enum PrivacyEvent {
    /// The key of a subject was destroyed.
    #[event(name = "$SubjectForgotten")]
    SubjectForgotten {
        /// Who was forgotten.
        #[tag]
        subject: String,
        /// The key that was destroyed.
        key: String,
    },
}
