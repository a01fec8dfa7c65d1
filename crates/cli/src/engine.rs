//! The doors to the engine: the only file that knows more than the trait `EventStore`.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use hitherto_store::{EmbeddedStore, Error, EventStore, Report, Result, Salvage};
use hitherto_vault::Vault;

/// The keys of a store that has personal data.
#[derive(clap::Args)]
pub(crate) struct KeysArgument {
    /// The file of keys that personal data is sealed under
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
}

/// A store, and the vault in front of it if it was opened with keys.
pub(crate) struct Door {
    store: EmbeddedStore,
    vault: Option<Vault>,
}

impl Deref for Door {
    type Target = dyn EventStore;

    fn deref(&self) -> &Self::Target {
        match &self.vault {
            Some(vault) => vault,
            None => &self.store,
        }
    }
}

impl Door {
    /// Closes the store in order.
    pub(crate) fn close(self) -> Result<()> {
        drop(self.vault);
        self.store.close()
    }
}

/// Opens a store to write to it, through its keys if they are named.
pub(crate) fn open_with_keys(path: &Path, keys: &KeysArgument) -> Result<Door> {
    let store = open(path)?;
    let vault = keys.keys.as_ref().map(|keys| Vault::over(store.clone(), keys)).transpose()?;
    Ok(Door { store, vault })
}

/// Opens a store that exists to write to it: none is created for nothing.
pub(crate) fn existing(path: &Path) -> Result<EmbeddedStore> {
    drop(open_read_only(path)?);
    open(path)
}

/// Opens a store only to read, through its keys if they are named.
pub(crate) fn read_with_keys(path: &Path, keys: &KeysArgument) -> Result<Door> {
    let store = open_read_only(path)?;
    let vault = keys.keys.as_ref().map(|keys| Vault::read_only(store.clone(), keys)).transpose()?;
    Ok(Door { store, vault })
}

/// The vault in front of a store that exists.
pub(crate) fn vault(path: &Path, keys: &Path) -> Result<Vault> {
    drop(open_read_only(path)?); // none is created for nothing
    Vault::over(open(path)?, keys)
}

/// Opens a store to write to it, and creates it if it is not there.
pub(crate) fn open(path: &Path) -> Result<EmbeddedStore> {
    EmbeddedStore::open(path)
}

/// Opens a store that exists, only to read, beside whoever writes.
pub(crate) fn open_read_only(path: &Path) -> Result<EmbeddedStore> {
    EmbeddedStore::open_read_only(path)
}

/// Reads a whole store and reports what is wrong with it.
pub(crate) fn verify(path: &Path) -> Result<Report> {
    hitherto_store::verify(path).map_err(|error| naming(path, error))
}

/// Saves what is whole of a store into a new one.
pub(crate) fn repair(from: &Path, to: &Path) -> Result<Salvage> {
    hitherto_store::repair(from, to).map_err(|error| naming(from, error))
}

/// An error that says which store it is about.
fn naming(path: &Path, error: Error) -> Error {
    let (kind, path) = (error.kind(), path.display().to_string());
    let message = error.to_string();
    if message.contains(&path) { error } else { Error::new(kind, format!("{path}: {message}")) }
}
