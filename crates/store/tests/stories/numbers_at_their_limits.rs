//! Versions, positions and times at the ends of what they can be: right answers or clean errors,
//! and no overflow.

use std::panic::catch_unwind;
use std::time::{Duration, SystemTime};

use hitherto_store::planted::{PlantedBug, plant};
use hitherto_store::{
    Append, Clock, Conflict, EmbeddedStore, Error, ErrorKind, EventStore, ExpectedVersion,
    MemoryDisk, NewEvent, Options, Position, Query, Recorded, Timestamp,
};

use crate::common::image::{all, disk_of, image_of};

const LIMITS: [u64; 12] = [
    0,
    1,
    (1 << 31) - 1,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    1 << 53,
    (1 << 53) + 1,
    i64::MAX as u64,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

struct At(i64);

impl Clock for At {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0)
    }
}

fn options() -> Options {
    let mut options = Options::default();
    options.background = false;
    options
}

fn open(disk: &MemoryDisk, now: i64) -> EmbeddedStore {
    EmbeddedStore::on(disk.clone(), At(now), options()).expect("it opens")
}

fn append() -> Append {
    Append::to("a-1").event(NewEvent::json("Happened", "{}").tag("a:1"))
}

#[test]
fn expected_versions_and_conditions() {
    let store = open(&MemoryDisk::new(), 0);
    store.append(append()).expect("it fits");
    for limit in LIMITS.into_iter().filter(|&limit| limit != 1) {
        let answer = store.append(append().expect(ExpectedVersion::Exact(limit)));
        let conflict = answer.as_ref().err().and_then(Error::as_conflict);
        assert!(matches!(conflict, Some(Conflict::WrongVersion { actual: 1, .. })), "{answer:?}");
        let condition = append().unless(Query::tag("a", 1), Position(limit));
        let mut other = condition.clone();
        other.writes[0].expected = ExpectedVersion::Exact(7);
        assert_eq!(store.append(other).expect_err("it is at 1").kind(), ErrorKind::Conflict);
        if limit == 0 {
            let answer = store.append(condition).expect_err("it matches");
            assert_eq!(answer.kind(), ErrorKind::Conflict);
        }
    }
    let last = append().unless(Query::tag("a", 1), Position(u64::MAX));
    assert_eq!(store.append(last).expect("nothing is behind that").position.0, 2);
}

#[test]
fn bounds_of_reads() {
    let store = open(&MemoryDisk::new(), 0);
    for _ in 0..5 {
        store.append(append()).expect("it fits");
    }
    let count = |query: Query| all(&store, query).len() as u64;
    for limit in LIMITS {
        let (behind, within) = (5_u64.saturating_sub(limit), limit.min(5));
        for query in [Query::all(), Query::stream("a-1"), Query::tag("a", 1)] {
            for query in [query.clone(), query.backward()] {
                assert_eq!(count(query.clone().after(Position(limit))), behind, "{limit}");
                assert_eq!(count(query.clone().up_to(Position(limit))), within, "{limit}");
                assert_eq!(count(query.limit(limit)), within, "{limit}");
            }
        }
        let stream = Query::stream("a-1");
        assert_eq!(count(stream.clone().after_version(limit)), behind, "{limit}");
        assert_eq!(count(stream.up_to_version(limit)), within, "{limit}");
        assert_eq!(store.digest(Position(limit)).is_ok(), limit <= 5, "{limit}");
    }
    for time in [i64::MIN, -1, 0, 1, i64::MAX].map(Timestamp::from_nanos) {
        let since = if time <= Timestamp::from_nanos(0) { 5 } else { 0 };
        assert_eq!(count(Query::all().since(time)), since, "{time:?}");
        let until = if time >= Timestamp::from_nanos(0) { 5 } else { 0 };
        assert_eq!(count(Query::all().until(time)), until, "{time:?}");
    }
}

/// Whatever a clock says, times do not go back and nothing overflows: also before 1970 and behind
/// the last moment that 64 bits of nanoseconds can say, in the year 2262.
#[test]
fn clocks_of_other_ages() {
    let disk = MemoryDisk::new();
    let mut last = Timestamp::default();
    for now in [i64::MIN, -1, 0, 1_700_000_000_000_000_000, 5, i64::MAX - 1, i64::MAX, i64::MIN] {
        let store = open(&disk, now);
        store.append(append()).expect("it fits");
        let times = all(&store, Query::all()).iter().map(Recorded::recorded_at).collect::<Vec<_>>();
        assert!(times.is_sorted(), "{times:?}");
        let newest = *times.last().expect("there is one");
        assert_eq!(newest, Timestamp::from_nanos(now).max(last));
        assert_eq!(
            all(&store, Query::all().since(newest)).last().map(Recorded::recorded_at),
            Some(newest)
        );
        last = newest;
        store.close().expect("it closes");
    }
    let in_year_9999 = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    assert_eq!(Timestamp::from(in_year_9999), Timestamp::from_nanos(i64::MAX));
}

/// A store whose first event stands at a high position: its header says that all before are lost.
fn store_that_begins_behind(base: u64) -> MemoryDisk {
    let disk = MemoryDisk::new();
    open(&disk, 0).close().expect("it closes");
    let mut image = image_of(&disk);
    image.remove("closed");
    let log = image.get_mut("000000000001.log").expect("it is there");
    log[4096..4096 + 56].fill(0); // the mark of the close
    log[40..48].copy_from_slice(&(base + 1).to_le_bytes());
    log[88..96].copy_from_slice(&base.to_le_bytes());
    let checksum = crc32c::crc32c(&log[..508]);
    log[508..512].copy_from_slice(&checksum.to_le_bytes());
    disk_of(&image)
}

#[test]
fn positions_beyond_what_other_systems_can_count() {
    for base in [1 << 31, 1 << 32, (1 << 53) - 1, 1 << 53, 1 << 61] {
        let disk = store_that_begins_behind(base);
        for round in 0..2 {
            let store = open(&disk, 0);
            for number in 1..=2 {
                let position = base + round * 2 + number;
                let saved = store.append(append().unless(Query::tag("b", 1), Position(base)));
                assert_eq!(saved.expect("it fits").position.0, position);
                let found = all(&store, Query::tag("a", 1).after(Position(position - 1)));
                assert_eq!(found.len(), 1, "{base}");
                assert_eq!(found[0].position().0, position);
                assert_eq!(found[0].version(), round * 2 + number);
                assert_eq!(store.head().wait().expect("it is sound").0, position);
            }
            let backward = all(&store, Query::stream("a-1").backward());
            assert_eq!(backward.last().map(|event| event.position().0), Some(base + 1));
        }
    }
}

/// "As much as there is" is a number too. Memory of that size was once asked for at once.
#[test]
fn options_that_ask_for_everything_or_nothing() {
    for number in LIMITS {
        let mut options = options();
        (options.memory_bytes_max, options.log_file_bytes_max) = (number, number);
        (options.raw_bytes_max, options.scavenge_bytes_per_second) = (number, number);
        let store = EmbeddedStore::on(MemoryDisk::new(), At(0), options).expect("it opens");
        (0..20).for_each(|_| drop(store.append(append()).expect("it fits")));
        store.compress().expect("there is room");
        for _ in 0..3 {
            assert_eq!(all(&store, Query::tag("a", 1)).len(), 20, "{number}");
        }
        store.close().expect("it closes");
    }
}

#[test]
fn counting_with_32_bits_is_found() {
    plant(Some(PlantedBug::CountWith32Bits));
    let story = catch_unwind(positions_beyond_what_other_systems_can_count);
    plant(None);
    assert!(story.is_err());
}
