//! One stream up to any point of its past, with a named error where there was nothing.

use std::path::Path;

use hitherto::Moment;
use hitherto_store::{Error, Events, Position, Query, Recorded, Result};

use crate::engine::{self, Door, KeysArgument};
use crate::fold::{Folded, Rules};
use crate::{moment, point};

/// A stream that exists.
pub(crate) struct History {
    store: Door,
    /// The store's directory.
    pub(crate) path: String,
    pub(crate) stream: String,
    pub(crate) first: Recorded,
    pub(crate) last: Recorded,
}

impl History {
    /// Finds a stream in a store.
    pub(crate) fn open(path: &Path, keys: &KeysArgument, stream: &str) -> Result<Self> {
        let store = engine::read_with_keys(path, keys)?;
        let path = path.display().to_string();
        let one = |query: Query| store.read(query.limit(1)).next().transpose();
        let (first, last) = (one(Query::stream(stream))?, one(Query::stream(stream).backward())?);
        let Some((first, last)) = first.zip(last) else {
            return Err(Error::not_found(format!(
                "there is no stream {stream} in {path}: `hitherto streams {path}` lists those that are"
            )));
        };
        Ok(Self { store, path, stream: stream.to_owned(), first, last })
    }

    /// The events up to a point; all of them if there is none.
    pub(crate) fn up_to(&self, point: Option<Moment>) -> Events {
        let query = Query::stream(self.stream.as_str());
        self.store.read(point.map_or(query.clone(), |point| point.bound(query)))
    }

    /// The newest event up to a point.
    pub(crate) fn newest_up_to(&self, point: Moment) -> Result<Option<Recorded>> {
        let query = Query::stream(self.stream.as_str()).backward().limit(1);
        self.store.read(point.bound(query)).next().transpose()
    }

    /// What the events up to a point add up to.
    pub(crate) fn folded(&self, point: Option<Moment>, rules: &Rules) -> Result<Folded> {
        let mut folded = Folded::new();
        for event in self.up_to(point) {
            folded.apply(&event?, rules);
        }
        Ok(folded)
    }

    /// Refuses a point at which the stream never was, or of which nothing is kept any more.
    pub(crate) fn check(&self, point: Moment) -> Result<()> {
        let (stream, newest) = (&self.stream, self.last.version());
        let refused = match point {
            Moment::Version(version) if version > newest => {
                format!("{stream} was never at version {version}: it is at version {newest}")
            }
            Moment::Version(0) => {
                format!("at version 0 nothing had happened to {stream}: versions count from 1")
            }
            Moment::Version(version) if version < self.first.version() => self.before_first(point),
            Moment::Position(position) => return self.check_position(position),
            Moment::Time(time) if time < self.first.recorded_at() => self.before_first(point),
            Moment::Version(_) | Moment::Time(_) => return Ok(()),
        };
        Err(Error::not_found(refused))
    }

    fn check_position(&self, position: Position) -> Result<()> {
        let head = self.store.head().wait()?;
        let refused = if position > head {
            format!("no event is at position {position} yet: the last one is at position {head}")
        } else if position < self.first.position() {
            self.before_first(Moment::Position(position))
        } else {
            return Ok(());
        };
        Err(Error::not_found(refused))
    }

    /// What is wrong with a point before the first event: it never was, or is not kept any more.
    fn before_first(&self, point: Moment) -> String {
        let (stream, first, point) = (&self.stream, &self.first, point::told(point));
        let (position, time) = (first.position(), moment::exactly(first.recorded_at()));
        match first.version() {
            1 => format!(
                "{stream} did not exist at {point}: its first event is at position {position}, recorded at \
                 {time}"
            ),
            version => format!(
                "{stream} at {point} is not kept any more: what is kept begins with version {version}, \
                 position {position}, recorded at {time}"
            ),
        }
    }
}
