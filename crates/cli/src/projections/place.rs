//! Places on the command line: a database with read models, or a directory with checkpoints.

use std::path::Path;

use hitherto::checkpoints::{CheckpointFile, checkpoint_files};
use hitherto::projection::{Kept, KeptModels, Standing};
use hitherto::runner::{Order, Parked};
use hitherto_store::{Error, Position, Result, Timestamp};

/// What is kept somewhere, and can be looked at beside whoever runs it.
pub(super) enum Place {
    ReadModels(Box<dyn KeptModels>),
    Checkpoints(Vec<CheckpointFile>),
}

/// One version of a projection, or a reaction.
pub(super) struct Standings {
    pub(super) name: String,
    /// Reactions have none.
    pub(super) version: Option<u32>,
    pub(super) standing: Standing,
    pub(super) position: Position,
    pub(super) handled: u64,
    pub(super) errors: u64,
    pub(super) parked: u64,
    pub(super) partitions: u32,
    pub(super) updated_at: Option<Timestamp>,
}

pub(super) fn open(path: &Path) -> Result<Place> {
    if path.is_dir() {
        return Ok(Place::Checkpoints(checkpoint_files(path)?));
    }
    Ok(Place::ReadModels(read_models(path)?))
}

/// The read models of a place that must have versions.
pub(super) fn read_models(path: &Path) -> Result<Box<dyn KeptModels>> {
    if let Some(url) = path.to_str().filter(|text| is_postgres(text)) {
        return Ok(Box::new(hitherto_postgres::ReadModels::of(url)?));
    }
    if path.is_dir() {
        return Err(Error::invalid(format!(
            "{} is a directory with checkpoints: only read models have versions; name an SQLite file, or the \
             address of a PostgreSQL database",
            path.display()
        )));
    }
    Ok(Box::new(hitherto_sql::ReadModels::of(path)?))
}

fn is_postgres(place: &str) -> bool {
    ["postgres://", "postgresql://"].iter().any(|scheme| place.starts_with(scheme))
}

impl Place {
    pub(super) fn list(&self) -> Result<Vec<Standings>> {
        match self {
            Self::ReadModels(models) => {
                let of = |kept: Kept| Standings {
                    name: kept.name,
                    version: Some(kept.version),
                    standing: kept.standing,
                    position: kept.position,
                    handled: kept.handled,
                    errors: kept.errors,
                    parked: kept.parked,
                    partitions: kept.partitions,
                    updated_at: Some(kept.updated_at),
                };
                Ok(models.list()?.into_iter().map(of).collect())
            }
            Self::Checkpoints(files) => files.iter().map(of_file).collect(),
        }
    }

    pub(super) fn parked(&self, name: &str, version: Option<u32>) -> Result<Vec<Parked>> {
        match self {
            Self::ReadModels(models) => models.parked(name, version),
            Self::Checkpoints(files) => file(files, name)?.parked(),
        }
    }

    pub(super) fn order(
        &self,
        name: &str,
        version: Option<u32>,
        position: Position,
        order: Order,
    ) -> Result<()> {
        match self {
            Self::ReadModels(models) => models.order(name, version, position, order),
            Self::Checkpoints(files) => file(files, name)?.order(position, order),
        }
    }
}

fn of_file(file: &CheckpointFile) -> Result<Standings> {
    let partitions = file.partitions()?;
    Ok(Standings {
        name: file.name().to_owned(),
        version: None,
        standing: Standing::Live,
        position: partitions.iter().map(|(position, _)| *position).min().unwrap_or_default(),
        handled: partitions.iter().map(|(_, tally)| tally.handled).sum(),
        errors: partitions.iter().map(|(_, tally)| tally.errors).sum(),
        parked: file.parked()?.len() as u64,
        partitions: partitions.len() as u32,
        updated_at: None,
    })
}

fn file<'a>(files: &'a [CheckpointFile], name: &str) -> Result<&'a CheckpointFile> {
    let found = files.iter().find(|file| file.name() == name);
    found.ok_or_else(|| Error::not_found(format!("there is no checkpoint of {name} here")))
}
