//! Looking at what is kept in a file, and changing it, from outside: what the command line does.

use std::path::{Path, PathBuf};

use hitherto::projection::{Comparison, Kept, KeptModels, Standing};
use hitherto::runner::{Order, Parked};
use hitherto::{Error, Position, Result};
use rusqlite::Connection;

use crate::compare::compare;
use crate::error::{failed, into_error};
use crate::sqlite::{open_to_read, open_to_write};
use crate::{bookkeeping, files, switch};

/// The read models of a file, and what is kept with them: also while they are in use.
///
/// ```
/// use hitherto::projection::KeptModels as _;
/// use hitherto_sql::ReadModels;
/// # use hitherto_sql::Sqlite;
///
/// # let directory = tempfile::tempdir().unwrap();
/// # let read_db = directory.path().join("read.db");
/// # drop(Sqlite::open(&read_db)?);
/// for kept in ReadModels::of(&read_db)?.list()? { // "read.db"
///     println!("{} {}: {}", kept.name, kept.version, kept.position);
/// }
/// # Ok::<(), hitherto::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ReadModels(PathBuf);

impl ReadModels {
    /// Those of a file that exists.
    ///
    /// # Errors
    /// `NotFound` if there is no such file, `Corrupt` if it is no database.
    pub fn of(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        drop(open_to_read(&path)?);
        Ok(Self(path))
    }

    fn switch_to(&self, name: &str, version: u32) -> Result<u32> {
        let mut writer = open_to_write(&self.0)?;
        switch::switch(&mut writer, &self.0, name, version).map_err(into_error)?;
        Ok(version)
    }

    fn live_version(&self, name: &str) -> Result<u32> {
        let main = open_to_read(&self.0)?;
        let failed = failed("the read models cannot be read");
        let mut entry = None;
        if bookkeeping::exist(&main).map_err(&failed)? {
            entry = bookkeeping::entry(&main, name).map_err(&failed)?;
        }
        entry.map(|entry| entry.version).ok_or_else(|| {
            Error::not_found(format!("there is no projection {name} in {}", self.0.display()))
        })
    }

    fn other_version(
        &self,
        name: &str,
        wanted: Option<u32>,
        fits: impl Fn(u32) -> bool,
    ) -> Result<u32> {
        let versions = files::versions_beside(&self.0, name)?;
        let found = match wanted {
            Some(wanted) => versions.into_iter().find(|&version| version == wanted),
            None => versions.into_iter().rfind(|&version| fits(version)),
        };
        found.ok_or_else(|| {
            let which =
                wanted.map_or_else(|| "other version".to_owned(), |v| format!("version {v}"));
            Error::not_found(format!("there is no {which} of {name} beside the one that is read"))
        })
    }

    fn file_of(&self, name: &str, version: Option<u32>) -> Result<PathBuf> {
        let live = self.live_version(name)?;
        match version {
            Some(version) if version != live => {
                let version = self.other_version(name, Some(version), |_| true)?;
                Ok(files::beside(&self.0, name, version))
            }
            _ => Ok(self.0.clone()),
        }
    }
}

impl KeptModels for ReadModels {
    fn list(&self) -> Result<Vec<Kept>> {
        let failed = failed("the read models cannot be read");
        let main = open_to_read(&self.0)?;
        if !bookkeeping::exist(&main).map_err(&failed)? {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        for name in bookkeeping::names(&main).map_err(&failed)? {
            let Some(live) = read(&main, &name, None).map_err(&failed)? else { continue };
            let versions = files::versions_beside(&self.0, &name)?;
            let live_version = live.version;
            all.push(live);
            for version in versions.into_iter().filter(|&version| version != live_version) {
                let other = open_to_read(&files::beside(&self.0, &name, version))?;
                let exist = bookkeeping::exist(&other).map_err(&failed)?;
                if exist {
                    all.extend(read(&other, &name, Some(live_version)).map_err(&failed)?);
                }
            }
        }
        Ok(all)
    }

    fn parked(&self, name: &str, version: Option<u32>) -> Result<Vec<Parked>> {
        let connection = open_to_read(&self.file_of(name, version)?)?;
        bookkeeping::parked(&connection, name, false)
            .map_err(failed("what is parked cannot be read"))
    }

    fn order(
        &self,
        name: &str,
        version: Option<u32>,
        position: Position,
        order: Order,
    ) -> Result<()> {
        let connection = open_to_write(&self.file_of(name, version)?)?;
        let left = bookkeeping::order(&connection, name, position, order);
        if left.map_err(failed("the order cannot be left"))? {
            return Ok(());
        }
        Err(Error::not_found(format!("{name}: nothing is parked at position {position}")))
    }

    fn compare(&self, name: &str, version: Option<u32>) -> Result<Comparison> {
        let live = self.live_version(name)?;
        compare(&self.0, name, live, self.other_version(name, version, |_| true)?)
    }

    fn switch(&self, name: &str, version: Option<u32>) -> Result<u32> {
        let live = self.live_version(name)?;
        self.switch_to(name, self.other_version(name, version, |version| version > live)?)
    }

    fn roll_back(&self, name: &str) -> Result<u32> {
        let live = self.live_version(name)?;
        let before = self.other_version(name, None, |version| version < live)?;
        self.switch_to(name, before)
    }
}

fn read(
    connection: &Connection,
    name: &str,
    live_version: Option<u32>,
) -> rusqlite::Result<Option<Kept>> {
    let Some(entry) = bookkeeping::entry(connection, name)? else { return Ok(None) };
    let partitions = bookkeeping::partitions(connection, name)?;
    let standing = match live_version {
        None => Standing::Live,
        Some(live) if entry.version < live => Standing::Before,
        Some(_) if entry.held => Standing::Held,
        Some(_) => Standing::Building,
    };
    Ok(Some(Kept {
        name: name.to_owned(),
        version: entry.version,
        standing,
        position: partitions.iter().map(|(position, ..)| *position).min().unwrap_or_default(),
        partitions: partitions.len() as u32,
        handled: partitions.iter().map(|(_, tally, _)| tally.handled).sum(),
        errors: partitions.iter().map(|(_, tally, _)| tally.errors).sum(),
        parked: bookkeeping::parked(connection, name, false)?.len() as u64,
        updated_at: partitions.iter().map(|(.., at)| *at).max().unwrap_or_default(),
    }))
}
