//! What every contestant can do: so that a workload is written once, and runs on all of them.

mod choice;
#[cfg(feature = "peers")]
mod fjall;
#[cfg(feature = "peers")]
mod record;
#[cfg(feature = "peers")]
mod redb;
#[cfg(feature = "peers")]
mod sqlite;
#[cfg(feature = "umadb")]
mod umadb;

use std::error::Error;

use hitherto_store::EmbeddedStore;

use crate::sample::{Sample, Samples};

pub(crate) use choice::Choice;

/// What a contestant answers.
pub(crate) type Answer<T> = Result<T, Box<dyn Error>>;

/// A store of events, open. It closes in order when it is dropped.
pub(crate) trait Peer: Send + Sync {
    /// Appends all the events or none, durably, and answers with the position of the last one. The
    /// store refuses what was based on an old version of a stream.
    fn append(&self, events: Vec<New<'_>>) -> Answer<u64>;

    /// Somebody who only reads.
    fn reader(&self) -> Answer<Box<dyn Reader>>;

    /// The same store as one that appends under conditions, if it has these.
    fn conditions(&self) -> Option<&dyn Conditions> {
        None
    }

    /// Our store itself, for what only it can do.
    fn embedded(&self) -> Option<&EmbeddedStore> {
        None
    }
}

/// An event for a stream.
pub(crate) struct New<'a> {
    pub(crate) stream: &'a str,
    /// The stream's version before this event.
    pub(crate) before: u64,
    /// The position up to which the writer knows the stream; none if it is not known.
    #[cfg_attr(not(feature = "umadb"), expect(dead_code, reason = "the others know versions"))]
    pub(crate) seen: Option<u64>,
    pub(crate) sample: Sample,
}

/// One reader: a connection, where the store has these.
pub(crate) trait Reader: Send {
    /// Reads what is selected, looks at every part a caller would look at, and counts.
    fn read(&mut self, selection: Selection<'_>) -> Answer<u64>;
}

/// What is read, in the order of positions or of versions.
#[derive(Clone, Copy)]
pub(crate) enum Selection<'a> {
    All,
    Stream(&'a str),
    Kind(&'a str),
}

/// Appends that depend on events instead of on a version.
pub(crate) trait Conditions: Sync {
    /// Appends an event with a tag, unless there is one of its kind and tag after a position.
    fn append_unless(&self, sample: Sample, tag: &str, after: u64) -> Answer<u64>;
}

/// Appends so many events a call to a stream of its own, each time at the version that it expects.
pub(crate) fn writer(
    peer: &dyn Peer,
    stream: String,
    events: usize,
) -> impl FnMut() + Send + use<'_> {
    let mut samples = Samples::new();
    let (mut version, mut seen) = (0, 0);
    move || {
        let next = version..version + events as u64;
        version = next.end;
        let new =
            |before| New { stream: &stream, before, seen: Some(seen), sample: samples.make() };
        let appended = peer.append(next.map(new).collect());
        seen = appended.expect("nobody else appends to this stream");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(stream: &str, before: u64, seen: u64) -> New<'_> {
        New { stream, before, seen: Some(seen), sample: Samples::new().make() }
    }

    #[test]
    fn every_contestant_gives_back_what_it_took_and_refuses_an_old_version() {
        for choice in Choice::stores() {
            let directory = tempfile::tempdir().unwrap();
            let peer = choice.open(directory.path()).unwrap();
            let seen = peer.append(vec![new("a-1", 0, 0), new("a-1", 1, 0)]).unwrap();
            peer.append(vec![new("a-2", 0, 0)]).unwrap();
            peer.append(vec![new("a-1", 2, seen)]).unwrap();
            assert!(peer.append(vec![new("a-1", 2, seen)]).is_err(), "{choice:?}");
            drop(peer);
            let mut reader = choice.open(directory.path()).unwrap().reader().unwrap();
            let mut count = |selection| reader.read(selection).unwrap();
            let kind = Selection::Kind(crate::sample::COMMON_KIND);
            let counts = [count(Selection::All), count(Selection::Stream("a-1")), count(kind)];
            assert_eq!(counts, [4, 3, 4], "{choice:?}");
        }
    }

    #[test]
    fn a_condition_refuses_what_did_not_see_the_last_event() {
        for choice in Choice::stores() {
            let directory = tempfile::tempdir().unwrap();
            let peer = choice.open(directory.path()).unwrap();
            assert_eq!(peer.conditions().is_some(), choice.has_conditions());
            let Some(conditions) = peer.conditions() else { continue };
            let sample = || Samples::new().make();
            let seen = conditions.append_unless(sample(), "order:1", 0).unwrap();
            conditions.append_unless(sample(), "order:1", seen).unwrap();
            assert!(conditions.append_unless(sample(), "order:1", seen).is_err(), "{choice:?}");
        }
    }
}
