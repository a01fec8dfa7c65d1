//! A small store, damaged in every way at every place: noticed or harmless, never cut, never
//! returned.
//!
//! One way of damage was a hang: a backward read of a store whose first file was gone asked for the
//! same position for ever.

use std::sync::Arc;

use hitherto_store::{
    Append, EmbeddedStore, Error, ErrorKind, EventStore, MemoryDisk, NewEvent, Options, Position,
    Query, Recorded, SystemClock, Tag, verify_disk,
};

use crate::common::image::{Image, disk_of, image_of, read};

/// In a store of several files every so manieth byte is flipped; in the smallest one that has all
/// sorts of files, every byte.
const STRIDE: usize = 17;

fn options() -> Options {
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = 8 << 10;
    options.log_file_bytes_max = 16 << 10;
    options
}

fn open(image: &Image) -> Result<EmbeddedStore, Error> {
    EmbeddedStore::on(disk_of(image), SystemClock, options())
}

/// A store of three files, and what is in it.
fn sound_store(is_closed: bool) -> (Image, Vec<Recorded>) {
    store_of(60, is_closed)
}

/// A store of so many appends, and what is in it.
fn store_of(appends: usize, is_closed: bool) -> (Image, Vec<Recorded>) {
    let disk = MemoryDisk::new();
    let store = EmbeddedStore::on(disk.clone(), SystemClock, options()).expect("a new store");
    for number in 0..appends {
        let tagged = NewEvent::json("Tagged", "{}").tag(Tag::new("third", number % 3));
        let large = NewEvent::json("Large", "x".repeat(number * 37 % 300));
        let append = Append::to(format!("a-{}", number % 4)).event(tagged).event(large);
        store.append(append).expect("it fits");
    }
    store.mark_idle().expect("it can be written");
    let (events, error) = read(&store, Query::all());
    assert!(error.is_none() && events.len() == 2 * appends);
    if is_closed {
        store.close().expect("it closes");
        return (image_of(&disk), events);
    }
    (image_of(&disk), events)
}

/// For writing it opens with everything, or not at all; only damage to what has an index shows when
/// it is read.
fn check_writer(image: &Image, events: &[Recorded], what: &str) {
    match open(image) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}"),
        Ok(store) => {
            let (found, error) = read(&store, Query::all());
            if let Some(error) = error {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
                assert!(events.starts_with(&found), "{what}: something else was returned");
            } else {
                assert_eq!(found, events, "{what}: lost without a word");
            }
            let more = Append::to("more").event(NewEvent::json("Happened", "{}"));
            let next = events.len() as u64 + 1;
            assert_eq!(store.append(more).expect("it is sound").position.0, next, "{what}");
        }
    }
}

/// For reading it gives only what was stored, and an error where it skips something.
fn check_reader(image: &Image, events: &[Recorded], what: &str) {
    let opened = EmbeddedStore::read_only_on(disk_of(image), SystemClock, options());
    let store = match opened {
        Ok(store) => store,
        Err(error) => return check_refusal(&error, what),
    };
    let (found, error) = read(&store, Query::all());
    assert!(events.starts_with(&found), "{what}: something else was returned");
    assert!(error.is_some() || found == events, "{what}: something was skipped");
    let (mut found, backward) = read(&store, Query::all().backward());
    found.reverse();
    assert!(events.ends_with(&found), "{what}: something else was returned backwards");
    assert!(backward.is_some() || found == events, "{what}: something was skipped backwards");
    let report = verify_disk(Arc::new(disk_of(image))).expect("it can be read");
    assert!(error.is_none() || !report.damages.is_empty(), "{what}: verify did not notice");
}

/// Reading is refused only without the file `format`.
fn check_refusal(error: &Error, what: &str) {
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
    assert!(error.to_string().contains("`format` is missing"), "{what}: {error}");
}

/// One bit of every so manieth byte of every file.
fn flip(appends: usize, is_closed: bool, stride: usize) {
    let (mut image, events) = store_of(appends, is_closed);
    let sizes = image.iter().map(|(name, bytes)| (name.clone(), bytes.len())).collect::<Vec<_>>();
    for (name, size) in sizes {
        for place in (0..size).step_by(stride) {
            let bit = 1 << (place % 8);
            image.get_mut(&name).expect("it is there")[place] ^= bit;
            let what = format!("{name} at {place}, closed: {is_closed}");
            check_writer(&image, &events, &what);
            check_reader(&image, &events, &what);
            image.get_mut(&name).expect("it is there")[place] ^= bit;
        }
    }
}

#[test]
fn every_flipped_byte_of_the_smallest_store_is_noticed_or_harmless() {
    flip(12, true, 1);
}

#[test]
fn every_flipped_byte_of_a_store_that_crashed_is_noticed_or_harmless() {
    flip(12, false, 1);
}

#[test]
fn flipped_bytes_of_a_larger_store_are_noticed_or_harmless() {
    flip(60, true, STRIDE);
    flip(60, false, STRIDE);
}

#[test]
fn every_zeroed_sector_is_noticed_or_harmless() {
    let (image, events) = sound_store(true);
    for (name, bytes) in &image {
        for sector in 0..bytes.len() / 512 {
            let mut damaged = image.clone();
            damaged.get_mut(name).expect("it is there")[sector * 512..][..512].fill(0);
            let what = format!("{name}, sector {sector}");
            check_writer(&damaged, &events, &what);
            check_reader(&damaged, &events, &what);
        }
    }
}

#[test]
fn every_missing_file_is_noticed() {
    let (image, events) = sound_store(true);
    for name in image.keys() {
        let mut damaged = image.clone();
        damaged.remove(name);
        if name.contains(".idx") || name == "closed" {
            let (found, error) = read(&open(&damaged).expect("it is only derived"), Query::all());
            assert!(error.is_none() && found == events, "without {name}: {error:?}");
            continue;
        }
        let error = open(&damaged).expect_err("it is noticed");
        assert_eq!(error.kind(), ErrorKind::Corrupt, "without {name}: {error}");
        check_reader(&damaged, &events, name);
    }
}

/// A header says where the file before it ends, so that without that of the last file the whole
/// store was once not opened at all.
#[test]
fn a_lost_last_file_costs_only_what_is_in_it() {
    let (sound, events) = sound_store(false);
    let last = "000000000003.log".to_owned();
    let behind_magic_of_commit = |bytes: &[u8]| bytes.windows(4).position(|four| four == b"HCom");
    let commit = behind_magic_of_commit(&sound[&last]).expect("it has some");
    let first = u64::from_le_bytes(sound[&last][commit + 16..][..8].try_into().expect("eight"));
    for (is_gone, with_indexes) in [(false, true), (false, false), (true, true), (true, false)] {
        let mut image = sound.clone();
        image.retain(|name, _| with_indexes || !name.contains(".idx"));
        image.get_mut(&last).expect("there are three")[60] ^= 1;
        image.retain(|name, _| !is_gone || *name != last);
        check_last_file_is_lost(&image, &events, first);
    }
}

fn check_last_file_is_lost(image: &Image, events: &[Recorded], first: u64) {
    let refused = open(image).expect_err("it is damaged").to_string();
    assert!(refused.contains("hitherto repair") && refused.contains(".log at offset"), "{refused}");
    let store = EmbeddedStore::read_only_on(disk_of(image), SystemClock, options());
    let store = store.expect("the other files are whole");
    for _ in 0..2 {
        let (found, error) = read(&store, Query::all());
        assert_eq!(found, events[..first as usize - 1]);
        let error = error.expect("events are missing").to_string();
        assert!(error.contains(&format!("event {first} and all after it")), "{error}");
    }
    let report = verify_disk(Arc::new(disk_of(image))).expect("it can be read");
    let lost = Some((Position(first), Position(u64::MAX)));
    let named: Vec<_> = report.damages.iter().map(|damage| damage.positions).collect();
    assert_eq!(named, [lost], "{report:?}");
}

/// A store of three files, of which the second has lost a commit. The positions that are lost.
fn store_that_lost_a_commit() -> (Image, Vec<Recorded>, [u64; 2]) {
    let (mut image, events) = sound_store(true);
    let log = image.get_mut("000000000002.log").expect("there are three");
    let is_commit = |place: &usize| log[*place..].starts_with(b"HCom");
    let commit = (4096..log.len()).step_by(8).filter(is_commit).nth(6).expect("it has some");
    let first = u64::from_le_bytes(log[commit + 16..][..8].try_into().expect("eight bytes"));
    log[commit + 60] ^= 1;
    (image, events, [first, first + 1])
}

/// For each event in turn, whether it can be read.
fn readable(store: &EmbeddedStore, events: &[Recorded]) -> Vec<u64> {
    let is_read = |event: &&Recorded| {
        let before = Position(event.position().0 - 1);
        let (found, _) = read(store, Query::all().after(before).limit(1));
        assert!(found.is_empty() || found[0] == **event, "something else was returned");
        !found.is_empty()
    };
    events.iter().filter(is_read).map(|event| event.position().0).collect()
}

/// Events behind a lost commit were once said to be unreadable, because an index that was made
/// without it counts their versions differently.
#[test]
fn verify_names_what_is_lost_and_nothing_else() {
    let (mut image, events, lost) = store_that_lost_a_commit();
    let mut indexes = image.keys().filter(|name| name.contains(".idx")).cloned();
    let first = indexes.next().expect("there is an index");
    image.retain(|name, _| !name.contains(".idx") || *name == first);
    let opened = EmbeddedStore::read_only_on(disk_of(&image), SystemClock, options());
    let is_lost = |event: &Recorded| lost.contains(&event.position().0);
    let left = events.iter().filter(|event| !is_lost(event)).map(|event| event.position().0);
    assert_eq!(readable(&opened.expect("it can be read"), &events), left.collect::<Vec<_>>());
    let report = verify_disk(Arc::new(disk_of(&image))).expect("it can be read");
    let named: Vec<_> = report.damages.iter().map(|damage| damage.positions).collect();
    assert_eq!(named, [Some((Position(lost[0]), Position(lost[1])))], "{report:?}");
}

/// An index cannot be built anew, because its log is damaged too. The store was once not even
/// opened for reading then.
#[test]
fn an_index_that_cannot_be_built_anew_costs_no_event() {
    let (mut image, events, lost) = store_that_lost_a_commit();
    for (name, bytes) in image.iter_mut().filter(|(name, _)| name.contains(".idx")) {
        // Behind its header and its table of log files.
        let pages = 2..bytes.len() / 4096;
        assert!(pages.len() > 2, "{name}");
        pages.for_each(|page| bytes[page * 4096 + 100] ^= 1);
    }
    let store = EmbeddedStore::read_only_on(disk_of(&image), SystemClock, options());
    let is_lost = |event: &Recorded| lost.contains(&event.position().0);
    let left = events.iter().filter(|event| !is_lost(event)).map(|event| event.position().0);
    let store = store.expect("it can be read");
    assert_eq!(readable(&store, &events), left.collect::<Vec<_>>());
    let (_, error) = read(&store, Query::all());
    let error = error.expect("events are missing").to_string();
    assert!(error.contains("000000000002.log at offset"), "{error} names what was damaged");
}

/// Cut to 4,160 bytes, the only file of a small store was once taken for one with a torn tail:
/// verify was content, and the next append got a position that another event had.
#[test]
fn every_shorter_length_of_a_file_is_noticed() {
    for is_closed in [true, false] {
        let (image, events) = sound_store(is_closed);
        for name in image.keys().filter(|name| *name != "format") {
            let stride = if name.contains(".idx") { 97 } else { 1 };
            for length in (0..image[name].len()).step_by(stride) {
                let mut cut = image.clone();
                cut.get_mut(name).expect("it is there").truncate(length);
                match open(&cut) {
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{length}: {error}"),
                    // Only the mark behind the end of a file that is not the last one can go; what
                    // has an index shows when it is read.
                    Ok(store) => match read(&store, Query::all()) {
                        (found, None) => assert_eq!(found, events, "{name} {length}"),
                        (found, Some(error)) => {
                            assert_eq!(error.kind(), ErrorKind::Corrupt, "{length}: {error}");
                            assert!(events.starts_with(&found), "{name} {length}");
                        }
                    },
                }
            }
        }
    }
}

/// Puts a number into the header of an index file, and the checksum that fits it.
fn forge(index: &mut [u8], place: usize, number: u64) {
    index[place..place + 8].copy_from_slice(&number.to_le_bytes());
    let seed = crc32c::crc32c_append(crc32c::crc32c(&index[24..32]), &0_u32.to_le_bytes());
    let checksum = crc32c::crc32c_append(seed, &index[..4092]);
    index[4092..4096].copy_from_slice(&checksum.to_le_bytes());
}

/// Whoever appended wrote half a terabyte away, where an index said that the log went on.
#[test]
fn an_index_that_goes_on_behind_the_end_of_the_log_is_damage() {
    let (sound, events) = sound_store(true);
    let last = sound.keys().rfind(|name| name.contains(".idx")).expect("it has an index").clone();
    let mut same = sound.clone();
    let index = same.get_mut(&last).expect("it is there");
    let end = u64::from_le_bytes(index[72..80].try_into().expect("eight bytes"));
    forge(index, 72, end);
    assert_eq!(same, sound, "the checksum is known");
    for end in [1 << 20, 1 << 39, u64::MAX >> 1] {
        let mut image = sound.clone();
        forge(image.get_mut(&last).expect("it is there"), 72, end);
        let error = open(&image).expect_err("it is damaged");
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(error.to_string().contains("an index says that it was longer"), "{error}");
        let report = verify_disk(Arc::new(disk_of(&image))).expect("it can be read");
        assert_eq!((report.events, report.damages.len()), (events.len() as u64, 1), "{report:?}");
    }
}
