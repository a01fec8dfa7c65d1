//! Files that are whole but in the wrong place: swapped, of another store, of an earlier time, with
//! something behind their end. Noticed or harmless; nothing else is ever returned.

use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hitherto_store::planted::{PlantedBug, plant};
use hitherto_store::{
    Append, Clock, EmbeddedStore, ErrorKind, EventId, EventStore, MemoryDisk, NewEvent, Options,
    Query, Recorded, Tag, Timestamp, verify_disk,
};

use crate::common::image::{Image, all, disk_of, image_of, read};

struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

fn options(store_id: u128) -> Options {
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = 8 << 10;
    options.log_file_bytes_max = 8 << 10;
    options.store_id = Some(EventId::from_u128(store_id));
    options
}

fn open(disk: &MemoryDisk, store_id: u128) -> Result<EmbeddedStore, hitherto_store::Error> {
    EmbeddedStore::on(disk.clone(), Ticking(AtomicI64::new(1)), options(store_id))
}

/// A closed store of some files with index files, what it was at some moments in its middle, and
/// its events.
fn store(store_id: u128, kind: &'static str) -> (Image, Vec<Image>, Vec<Recorded>) {
    let disk = MemoryDisk::new();
    let store = open(&disk, store_id).expect("it opens");
    let mut middle = Vec::new();
    for number in 0..90_u64 {
        if number % 8 == 5 {
            middle.push(image_of(&disk));
        }
        let event = NewEvent::json(kind, "x".repeat((number * 37 % 300) as usize))
            .id(EventId::from_u128(u128::from(number) + 1))
            .tag(Tag::new("third", number % 3));
        store.append(Append::to(format!("a-{}", number % 4)).event(event)).expect("it fits");
    }
    let events = all(&store, Query::all());
    store.close().expect("it closes");
    (image_of(&disk), middle, events)
}

fn expected(events: &[Recorded], query: &Query) -> Vec<Recorded> {
    events.iter().filter(|event| query.matches(event)).cloned().collect()
}

/// Opens for writing and for reading, and asks.
fn check(image: &Image, events: &[Recorded], what: &str) -> bool {
    let mut noticed = false;
    match open(&disk_of(image), 1) {
        Err(error) => {
            assert!(
                [ErrorKind::Corrupt, ErrorKind::Invalid].contains(&error.kind()),
                "{what}: {error}"
            );
            noticed = true;
        }
        Ok(store) => noticed |= ask(&store, events, what),
    }
    let reader =
        EmbeddedStore::read_only_on(disk_of(image), Ticking(AtomicI64::new(1)), options(1));
    if let Ok(reader) = reader {
        let has_error = ask(&reader, events, what);
        let report = verify_disk(Arc::new(disk_of(image))).expect("it can be read");
        assert!(!has_error || !report.damages.is_empty(), "{what}: verify does not notice");
        noticed |= has_error;
    }
    noticed
}

/// Whether a read ended with an error; without one it gives all that is there, and nothing else.
fn ask(store: &EmbeddedStore, events: &[Recorded], what: &str) -> bool {
    let tags = (0..3).map(|third| Query::tag("third", third));
    let streams = (0..5).map(|number| Query::stream(format!("a-{number}")));
    let kinds = ["First", "Second"].map(|kind| Query::of_kinds([kind]));
    let mut noticed = false;
    for query in
        [Query::all(), Query::category("a")].into_iter().chain(tags).chain(streams).chain(kinds)
    {
        let (found, error) = read(store, query.clone());
        let expected = expected(events, &query);
        assert!(expected.starts_with(&found), "{what}: {query:?} gave something else");
        assert!(error.is_some() || found == expected, "{what}: {query:?} left something out");
        noticed |= error.is_some();
    }
    noticed
}

fn is_log(name: &str) -> bool {
    name.contains(".log")
}

#[test]
fn two_files_that_changed_places() {
    let (image, _, events) = store(1, "First");
    let names: Vec<_> = image.keys().filter(|name| is_log(name) || name.contains(".idx")).collect();
    for (number, one) in names.iter().enumerate() {
        for other in &names[number + 1..] {
            let mut swapped = image.clone();
            swapped.insert((*one).clone(), image[*other].clone());
            swapped.insert((*other).clone(), image[*one].clone());
            let what = format!("{one} and {other}");
            let noticed = check(&swapped, &events, &what);
            assert_eq!(noticed, is_log(one) || is_log(other), "{what}");
        }
    }
}

#[test]
fn a_file_of_another_store() {
    let (image, _, events) = store(1, "First");
    let (foreign, _, _) = store(2, "Second");
    for name in image.keys().filter(|name| foreign.contains_key(*name) && *name != "format") {
        let mut mixed = image.clone();
        mixed.insert(name.clone(), foreign[name].clone());
        assert_eq!(check(&mixed, &events, name), is_log(name), "{name}");
    }
}

/// As if a store was copied, the copies went on differently, and files of the two were mixed: the
/// id is the same, and the secret of the hashes.
#[test]
fn an_index_of_another_history_of_the_same_store() {
    let (image, _, events) = store(1, "First");
    let (other, _, _) = store(1, "Second");
    let indexes: Vec<_> = other.keys().filter(|name| name.contains(".idx")).collect();
    assert!(!indexes.is_empty());
    let mut mixed = image.clone();
    for name in indexes {
        mixed.insert(name.clone(), other[name].clone());
        // Whatever the index says: what is returned is what the log has.
        assert!(!check(&mixed, &events, name), "{name}: it is built anew");
    }
}

#[test]
fn a_file_as_it_was_earlier() {
    let (image, middle, events) = store(1, "First");
    let mut noticed = 0;
    for (name, earlier) in middle.iter().flatten() {
        let mut mixed = image.clone();
        mixed.insert(name.clone(), earlier.clone());
        let is_changed = image.get(name) != Some(earlier);
        let is_noticed = check(&mixed, &events, name);
        assert!(!is_noticed || is_changed, "{name}");
        noticed += usize::from(is_noticed);
    }
    assert!(noticed > 0, "files that were written to then have lost events");
}

#[test]
fn something_behind_the_end_of_a_file() {
    let (image, _, events) = store(1, "First");
    for name in image.keys() {
        let copied = image[name][..image[name].len().min(5_000)].to_vec();
        for garbage in [vec![0; 1], vec![0xff; 7], vec![0xff; 4096], copied] {
            let mut longer = image.clone();
            longer.get_mut(name).expect("it is there").extend(&garbage);
            let what = format!("{name} with {} bytes more", garbage.len());
            assert!(!check(&longer, &events, &what), "{what}");
        }
    }
}

/// A file of another store is noticed by more than its header, so that it is not enough to plant.
#[test]
fn taking_any_file_is_found() {
    plant(Some(PlantedBug::TakeAnyFile));
    let story = catch_unwind(two_files_that_changed_places);
    plant(None);
    assert!(story.is_err());
}
