//! The person that the tests tell their stories about, and a search through every file.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use std::path::Path;

use hitherto::{Aggregate, Event, Personal, Root};
use hitherto_store::{
    Append, EmbeddedStore, EventStore, NewEvent, Options, Query, Recorded, Saved,
};
use serde::{Deserialize, Serialize};

/// A text that stands nowhere else.
pub const CANARY: &str = "Zoe-of-the-4711-lighthouses";

#[derive(Event, Clone, Debug, PartialEq)]
pub enum CustomerEvent {
    CustomerJoined { name: Personal<String>, plan: String },
    Moved { address: Personal<String> },
}
pub use CustomerEvent::*;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Customer {
    #[serde(skip)]
    pub root: Root<CustomerEvent>,
    /// In the clear, as a state may have it.
    pub name: String,
    pub moves: u32,
}

impl Aggregate for Customer {
    const CATEGORY: &'static str = "customer";
    type Id = String;
    type Event = CustomerEvent;
    type Error = ();

    fn root(&mut self) -> &mut Root<CustomerEvent> {
        &mut self.root
    }

    fn apply(&mut self, event: &CustomerEvent) {
        match event {
            CustomerJoined { name, .. } => {
                name.value().map_or("(forgotten)", String::as_str).clone_into(&mut self.name);
            }
            Moved { .. } => self.moves += 1,
        }
    }
}

pub fn personal(subject: &str, value: &str) -> String {
    format!(r#"{{"$personal":{{"subject":"{subject}","value":"{value}"}}}}"#)
}

pub fn joined(subject: &str, name: &str) -> NewEvent {
    let name = personal(subject, name);
    NewEvent::json("CustomerJoined", format!(r#"{{"name":{name},"plan":"small"}}"#))
}

pub fn join(store: &dyn EventStore, subject: &str, name: &str) -> Saved {
    store.append(Append::to(format!("customer-{subject}")).event(joined(subject, name))).unwrap()
}

/// Small files, so that there are full ones soon.
pub fn open(path: &Path) -> EmbeddedStore {
    let mut options = Options::default();
    (options.log_file_bytes_min, options.log_file_bytes_max) = (16 << 10, 16 << 10);
    EmbeddedStore::open_with(path, options).unwrap()
}

pub fn read(store: &dyn EventStore, stream: &str) -> Vec<Recorded> {
    store.read(Query::stream(stream)).collect::<Result<_, _>>().unwrap()
}

pub fn payload(event: &Recorded) -> &str {
    std::str::from_utf8(event.payload()).unwrap()
}

/// The files below a directory that have the text in them.
pub fn files_with(directory: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}
