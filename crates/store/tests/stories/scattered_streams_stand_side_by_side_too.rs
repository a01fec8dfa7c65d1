//! A compressed file has the events of a stream that are scattered over it side by side too: loads
//! read less, and nothing depends on it.

use std::fmt::Write;
use std::sync::Arc;

use hitherto_store::{
    Append, Disk, EmbeddedStore, EventId, EventStore, MemoryDisk, NewEvent, Options, Query,
    Recorded, Result, SystemClock, verify_disk,
};

use crate::common::counting::CountingDisk;

const STREAMS: u64 = 40;
const EVENTS: u64 = 6_000;
const WORDS: u64 = 16;
const FIRST: &str = "000000000001.zlog";

fn options(gathers_streams: bool) -> Options {
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = 256 << 10;
    options.log_file_bytes_max = 256 << 10;
    options.store_id = Some(EventId::from_u128(7));
    options.gathers_streams = gathers_streams;
    options
}

fn open(disk: impl Disk, gathers_streams: bool) -> EmbeddedStore {
    EmbeddedStore::on(disk, SystemClock, options(gathers_streams)).expect("it opens")
}

/// Text of no pattern, as far as a compressor can tell.
fn text(number: u64, words: u64) -> String {
    let mut text = String::from("\"");
    for word in 0..words {
        let word = (number * words + word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        write!(text, "{word:016x}").expect("text takes more");
    }
    text + "\""
}

/// A store whose n-th event is in the stream that `stream` says, compressed.
fn compressed(gathers_streams: bool, stream: impl Fn(u64) -> u64) -> MemoryDisk {
    compressed_with(options(gathers_streams), EVENTS, |number| (stream(number), WORDS))
}

/// A store of so many events, each in a stream and of so many words.
fn compressed_with(
    options: Options,
    events: u64,
    stream_and_words: impl Fn(u64) -> (u64, u64),
) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let store = EmbeddedStore::on(disk.clone(), SystemClock, options).expect("it opens");
    for number in 0..events {
        let (stream, words) = stream_and_words(number);
        let event = NewEvent::json("Noted", text(number, words));
        let event = event.id(EventId::from_u128(number.into()));
        store.append(Append::to(name(stream)).event(event)).expect("there is room");
    }
    store.compress().expect("there is room");
    store.close().expect("it closes");
    disk
}

/// One event of each stream after the other.
fn scattered(number: u64) -> u64 {
    number % STREAMS
}

fn name(stream: u64) -> String {
    format!("notes-{stream}")
}

fn read(store: &EmbeddedStore, query: Query) -> Vec<Recorded> {
    store.read(query).collect::<Result<_>>().expect("it can be read")
}

fn queries(stream: u64) -> [Query; 6] {
    let all = || Query::stream(name(stream));
    [
        all(),
        all().backward(),
        all().after_version(37).limit(3),
        all().up_to_version(70),
        all().backward().limit(1),
        all().after_version(140),
    ]
}

/// Bytes of compressed files that these reads ask for.
fn bytes_read(disk: &MemoryDisk, query: impl Fn(u64) -> Query) -> u64 {
    let disk = CountingDisk::of(disk.clone());
    let store = open(disk.clone(), true);
    disk.asked();
    for stream in 0..STREAMS {
        read(&store, query(stream));
    }
    disk.asked().bytes.get("zlog").copied().unwrap_or(0)
}

fn contents(disk: &MemoryDisk, name: &str) -> Vec<u8> {
    let file = disk.open(name).expect("it is there");
    let mut bytes = vec![0; file.len().expect("it has a length") as usize];
    file.read_at(&mut bytes, 0).expect("it can be read");
    bytes
}

/// The number at a place of a header.
fn number_at(file: &[u8], place: usize) -> usize {
    u32::from_le_bytes(file[place..place + 4].try_into().expect("four bytes")) as usize
}

/// How many blocks a compressed file has gathered.
fn gathered_blocks(disk: &MemoryDisk) -> usize {
    number_at(&contents(disk, FIRST), 80)
}

#[test]
fn loads_are_the_same_and_read_less() {
    let (with, without) = (compressed(true, scattered), compressed(false, scattered));
    let (gathered, plain) = (open(with.clone(), true), open(without.clone(), true));
    for query in (0..STREAMS).flat_map(queries) {
        let found = |event: Recorded| (event.position(), event.id(), event.payload().to_vec());
        let of = |store| read(store, query.clone()).into_iter().map(found).collect::<Vec<_>>();
        assert_eq!(of(&gathered), of(&plain), "{query:?}");
    }
    drop((gathered, plain));
    let load = |stream| Query::stream(name(stream)).after_version(100).limit(20);
    let (less, more) = (bytes_read(&with, load), bytes_read(&without, load));
    assert!(2 * less < more, "{less} bytes are read with it, {more} without");
}

#[test]
fn streams_that_stand_together_anyway_are_not_gathered() {
    assert_eq!(gathered_blocks(&compressed(true, |number| number / 100)), 0);
    assert_eq!(gathered_blocks(&compressed(false, scattered)), 0);
    assert!(gathered_blocks(&compressed(true, scattered)) > 10);
}

/// Where in a compressed file the gathered blocks begin, as the document of the file format says,
/// and where they end.
fn gathered_part(file: &[u8]) -> std::ops::Range<usize> {
    let table = number_at(file, 76) * 4096;
    let start = u64::from_le_bytes(file[table..table + 8].try_into().expect("eight"));
    start as usize..number_at(file, 56) * 4096
}

#[test]
fn damage_there_costs_no_event_is_told_of_and_is_mended() {
    let disk = compressed(true, scattered);
    let store = open(disk.clone(), true);
    let all = |store: &EmbeddedStore| -> Vec<_> {
        (0..STREAMS).map(|stream| read(store, Query::stream(name(stream)))).collect()
    };
    let before = all(&store);
    drop(store);
    let bytes = contents(&disk, FIRST);
    let (mut told, mut mended) = (0, 0);
    for place in gathered_part(&bytes).step_by(4001) {
        let file = disk.open(FIRST).expect("it is there");
        file.write_at(&[bytes[place] ^ 4], place as u64).expect("it can be written");
        let report = verify_disk(Arc::new(disk.clone())).expect("it can be read");
        assert_eq!(report.events, EVENTS, "byte {place}");
        if let [damage] = &report.damages[..] {
            assert!(damage.what.contains("no event is concerned"), "{damage}");
            told += 1;
        }
        let store = open(disk.clone(), true);
        assert!(all(&store) == before, "byte {place}");
        store.compress().expect("there is room");
        store.close().expect("it closes");
        mended += i32::from(contents(&disk, FIRST) == bytes);
        let file = disk.open(FIRST).expect("it is there");
        file.write_at(&bytes[place..=place], place as u64).expect("it can be written");
    }
    // An event that has another number by now is taken for one that is not gathered.
    assert!(
        told > 10 && (0..5).contains(&(told - mended)),
        "{told} damages were told of, {mended} were mended"
    );
}

/// The blocks of one stream take several pages of the table then, under one hash: the others are
/// not where they should be by theirs.
#[test]
fn a_stream_that_has_most_of_a_file_hides_no_other() {
    let large = |gathers_streams| {
        let mut options = options(gathers_streams);
        (options.log_file_bytes_min, options.log_file_bytes_max) = (4 << 20, 4 << 20);
        compressed_with(options, 3_600, |number| match number % 3 {
            0 => (0, 16 * WORDS),
            _ => (1 + number % 100, WORDS),
        })
    };
    let (with, without) = (large(true), large(false));
    let blocks = gathered_blocks(&with);
    assert!(blocks > 2 * 340, "they take three pages of the table: {blocks} blocks");
    let (gathered, plain) = (open(with.clone(), true), open(without.clone(), true));
    for stream in 0..=100 {
        let ids = |store| read(store, Query::stream(name(stream))).into_iter().map(|it| it.id());
        assert!(ids(&gathered).eq(ids(&plain)), "stream {stream}");
    }
    drop((gathered, plain));
    // Who finds nothing there reads as much as without it, and looked for it besides.
    let load = |stream| Query::stream(name(1 + stream));
    let (less, more) = (bytes_read(&with, load), bytes_read(&without, load));
    assert!(2 * less < more, "{less} bytes are read with it, {more} without");
}
