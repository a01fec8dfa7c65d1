//! Who takes part, by the names that the command line and the tables use.

use std::path::Path;

use clap::ValueEnum;

use super::{Answer, Peer};
use crate::hitherto::Hitherto;
use crate::table::Role;

/// A contestant that can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    /// Our store.
    Hitherto,
    /// Our store, and every full file of it is compressed before it is read.
    Compressed,
    /// `SQLite`, by hand.
    #[cfg(feature = "peers")]
    Sqlite,
    /// redb, by hand.
    #[cfg(feature = "peers")]
    Redb,
    /// fjall, by hand.
    #[cfg(feature = "peers")]
    Fjall,
    /// The embedded store of `UmaDB`.
    #[cfg(feature = "umadb")]
    Umadb,
    /// What the machine can do, without a store.
    Limit,
}

impl Choice {
    /// The contestants that keep events.
    pub(crate) fn stores() -> impl Iterator<Item = Self> {
        Self::value_variants().iter().copied().filter(|choice| *choice != Self::Limit)
    }

    pub(crate) fn role(self) -> Role {
        match self {
            Self::Hitherto | Self::Compressed => Role::Ours,
            Self::Limit => Role::Limit,
            #[cfg(feature = "peers")]
            _ => Role::Peer,
        }
    }

    /// Whether it can append under a condition on kinds and tags.
    pub(crate) fn has_conditions(self) -> bool {
        match self {
            Self::Hitherto | Self::Compressed => true,
            #[cfg(feature = "umadb")]
            Self::Umadb => true,
            _ => false,
        }
    }

    /// Its name in a table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Hitherto => "**hitherto**",
            Self::Compressed => "**hitherto**, compressed",
            #[cfg(feature = "peers")]
            Self::Sqlite => "SQLite by hand",
            #[cfg(feature = "peers")]
            Self::Redb => "redb by hand",
            #[cfg(feature = "peers")]
            Self::Fjall => "fjall by hand",
            #[cfg(feature = "umadb")]
            Self::Umadb => "UmaDB embedded",
            Self::Limit => "limit",
        }
    }

    /// Its name on the command line.
    pub(crate) fn word(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// Opens it in a directory, and creates it there if nothing is there.
    pub(crate) fn open(self, directory: &Path) -> Answer<Box<dyn Peer>> {
        match self {
            Self::Hitherto | Self::Compressed => Ok(Box::new(Hitherto::open(directory)?)),
            #[cfg(feature = "peers")]
            Self::Sqlite => Ok(Box::new(super::sqlite::Sqlite::open(directory)?)),
            #[cfg(feature = "peers")]
            Self::Redb => Ok(Box::new(super::redb::Redb::open(directory)?)),
            #[cfg(feature = "peers")]
            Self::Fjall => Ok(Box::new(super::fjall::Fjall::open(directory)?)),
            #[cfg(feature = "umadb")]
            Self::Umadb => Ok(Box::new(super::umadb::Umadb::open(directory)?)),
            Self::Limit => Err("the limit of the machine is no store".into()),
        }
    }
}
