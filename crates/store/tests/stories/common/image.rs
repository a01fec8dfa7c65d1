//! The files of a store in memory, to be damaged at will.

#![allow(dead_code, reason = "each story uses a part")]

use std::collections::BTreeMap;

use hitherto_store::{Disk, EmbeddedStore, Error, EventStore, MemoryDisk, Query, Recorded};

/// The bytes of every file by its name.
pub(crate) type Image = BTreeMap<String, Vec<u8>>;

/// What is on a disk.
pub(crate) fn image_of(disk: &MemoryDisk) -> Image {
    let names = disk.list().expect("it can be listed");
    let content = |name: &String| {
        let file = disk.open(name).expect("it is there");
        let mut bytes = vec![0; file.len().expect("it has a length") as usize];
        file.read_at(&mut bytes, 0).expect("it can be read");
        bytes
    };
    names.into_iter().map(|name| (name.clone(), content(&name))).collect()
}

/// A disk with these files.
pub(crate) fn disk_of(image: &Image) -> MemoryDisk {
    let disk = MemoryDisk::new();
    for (name, bytes) in image {
        disk.create(name).expect("it is new").write_at(bytes, 0).expect("it is written");
    }
    disk
}

/// All events up to the first error.
pub(crate) fn read(store: &EmbeddedStore, query: Query) -> (Vec<Recorded>, Option<Error>) {
    let mut events = Vec::new();
    for event in store.read(query) {
        match event {
            Ok(event) => events.push(event),
            Err(error) => return (events, Some(error)),
        }
    }
    (events, None)
}

/// All events, of a store that is sound.
pub(crate) fn all(store: &EmbeddedStore, query: Query) -> Vec<Recorded> {
    let (events, error) = read(store, query);
    assert!(error.is_none(), "{error:?}");
    events
}
