//! What a caller knows about a store: which appends were acknowledged, and which may be there.

use hitherto_store::{
    Append, EmbeddedStore, ErrorKind, EventStore, Query, Recorded, Result, Saved,
};

/// The appends of one caller, in their order, and what it was told.
#[derive(Debug, Default)]
pub struct History {
    acknowledged: Vec<(Append, Saved)>,
    /// Whose outcome is unknown: each may be there, whole, or not.
    unknown: Vec<Append>,
}

impl History {
    /// Appends and remembers the answer; false if the store takes no more.
    ///
    /// # Panics
    /// If a sound append is refused.
    pub fn append(&mut self, store: &EmbeddedStore, append: Append) -> bool {
        match store.append(append.clone()) {
            Ok(saved) => self.acknowledged.push((append, saved)),
            Err(error) => {
                let kind = error.kind();
                assert!(matches!(kind, ErrorKind::Unavailable | ErrorKind::Closed), "{error}");
                self.unknown.push(append);
                return false;
            }
        }
        true
    }

    /// How many appends were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// Checks that a store that was opened again holds what was acknowledged, and of the rest whole
    /// appends only; returns all its events.
    ///
    /// # Errors
    /// What is missing, or there by half, or wrong.
    pub fn check(&self, store: &EmbeddedStore) -> Result<Vec<Recorded>, String> {
        let all = store.read(Query::all()).collect::<Result<Vec<_>>>();
        let all = all.map_err(|error| format!("reading: {error}"))?;
        if !all.iter().map(|event| event.position().0).eq(1..=all.len() as u64) {
            return Err("positions have gaps".to_owned());
        }
        for (append, saved) in &self.acknowledged {
            let found = occurrences(append, &all);
            let first = saved.first_position.0 as usize - 1;
            if found != append.event_ids().count() || !stands_at(append, &all[first..]) {
                return Err(format!("the append at {} is lost or changed", saved.first_position));
            }
        }
        for append in &self.unknown {
            let found = occurrences(append, &all);
            if found != 0 && found != append.event_ids().count() {
                return Err(format!("{found} events of an append are there, the others not"));
            }
        }
        Ok(all)
    }

    /// Repeats what is unknown: afterwards each append is there, once.
    ///
    /// # Errors
    /// What is not there once, or is refused.
    pub fn settle(&mut self, store: &EmbeddedStore) -> Result<(), String> {
        for append in std::mem::take(&mut self.unknown) {
            let saved = store.append(append.clone());
            let saved = saved.map_err(|error| format!("a repeat is refused: {error}"))?;
            self.acknowledged.push((append, saved));
        }
        self.check(store).map(drop)
    }
}

fn occurrences(append: &Append, all: &[Recorded]) -> usize {
    append.event_ids().map(|id| all.iter().filter(|event| event.id() == id).count()).sum()
}

fn stands_at(append: &Append, stored: &[Recorded]) -> bool {
    let events = append
        .writes
        .iter()
        .flat_map(|write| write.events.iter().map(|event| (write.stream.as_ref(), event)));
    events.zip(stored).all(|((stream, event), stored)| stored.is_same_event(stream, event))
}
