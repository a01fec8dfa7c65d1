//! A store was killed, opened again and closed, and nothing was appended in between: damage to its
//! last commit was taken for one that the crash tore, and the commit left out without a word.

use crate::common::{append, open};
use hitherto_sim::SimDisk;
use hitherto_store::{Disk, EmbeddedStore, ErrorKind, EventStore, Query, Result};

/// A store that was killed, opened again and closed, and how many events it holds.
fn recovered_and_closed() -> (SimDisk, usize) {
    let disk = SimDisk::new();
    let store = open(&disk).expect("a new store");
    (0..4).for_each(|_| drop(store.append(append(0)).expect("it is stored")));
    let disk = disk.after_kill();
    let store = open(&disk).expect("it recovers");
    let events = store.read(Query::all()).count();
    store.close().expect("it closes");
    (disk, events)
}

fn bytes_of(disk: &SimDisk, name: &str) -> Vec<u8> {
    let file = disk.open(name).expect("it is there");
    let mut bytes = vec![0; file.len().expect("it has a length") as usize];
    file.read_at(&mut bytes, 0).expect("it can be read");
    bytes
}

#[test]
fn every_byte_of_its_last_commits_may_be_damaged_and_none_is_left_out() {
    let (sound, events) = recovered_and_closed();
    let log = "000000000001.log";
    let bytes = bytes_of(&sound, log);
    let end = bytes.iter().rposition(|&byte| byte != 0).expect("there are events") + 1;
    for place in 4096..end {
        let disk = sound.after_kill();
        disk.flip(log, place, 4);
        let read = |store: EmbeddedStore| store.read(Query::all()).collect::<Result<Vec<_>>>();
        match open(&disk).and_then(read) {
            // Nothing stands between two records.
            Ok(found) => assert_eq!(found.len(), events, "byte {place}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {place}: {error}"),
        }
    }
}

#[test]
fn it_is_opened_and_closed_again_and_appends_go_on_in_a_new_file() {
    let (disk, events) = recovered_and_closed();
    for _ in 0..2 {
        let store = open(&disk).expect("it opens");
        assert_eq!(store.read(Query::all()).count(), events);
        store.close().expect("it closes");
    }
    let store = open(&disk).expect("it opens");
    store.append(append(0)).expect("it is stored");
    let names = disk.list().expect("it can be listed");
    assert!(names.contains(&"000000000002.log".to_owned()), "{names:?}");
    assert!(!names.contains(&"closed".to_owned()), "it goes on: {names:?}");
    drop(store);
    let store = open(&disk.after_power_cut(3)).expect("it opens");
    assert_eq!(store.read(Query::all()).count(), events + 1);
}
