//! A store that any version of hitherto wrote is opened by every later one, with the same events in
//! it.

use crate::common;

use std::path::{Path, PathBuf};

use hitherto_store::{Append, EmbeddedStore, EventStore, NewEvent, Query, verify};

fn history() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/history");
    let entries = std::fs::read_dir(folder).expect("tests/history is there");
    entries
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.is_dir())
        .collect()
}

fn copy_of(store: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a temporary directory");
    for entry in std::fs::read_dir(store).expect("the store is there") {
        let entry = entry.expect("it can be listed");
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("it can be copied");
    }
    copy
}

#[test]
fn every_old_store_opens_with_all_its_events_and_takes_more() {
    let history = history();
    assert!(!history.is_empty(), "there is at least the store of format 1");
    for version in history {
        let expected = std::fs::read_to_string(version.join("expected.txt")).expect("it is there");
        let copy = copy_of(&version.join("store"));
        assert_eq!(verify(copy.path()).expect("it can be read").damages, [], "{version:?}");
        let store = EmbeddedStore::open(copy.path()).expect("it opens");
        let lines =
            store.read(Query::all()).map(|event| common::line(&event.expect("it can be read")));
        assert_eq!(lines.collect::<Vec<_>>(), expected.lines().collect::<Vec<_>>(), "{version:?}");
        let more = store.append(Append::to("account-a").event(NewEvent::json("Reopened", "{}")));
        assert_eq!(more.expect("it takes more").position.0, expected.lines().count() as u64 + 1);
    }
}
