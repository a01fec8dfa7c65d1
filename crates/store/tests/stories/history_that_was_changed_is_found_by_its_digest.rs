//! Somebody who knows the format changes an event and makes every checksum fit again: only a digest
//! that was noted before can tell.

use std::sync::Arc;

use hitherto_store::{
    Append, Disk, EmbeddedStore, EventStore, MemoryDisk, NewEvent, Options, Position, Query,
    Result, SystemClock, verify_disk,
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

const LOG: &str = "000000000001.log";
const FILE_HEADER: usize = 4096;
const FRAME_HEADER: usize = 56;

fn options() -> Options {
    let mut options = Options::default();
    options.background = false;
    options
}

fn open(disk: &MemoryDisk) -> EmbeddedStore {
    EmbeddedStore::on(disk.clone(), SystemClock, options()).expect("it opens")
}

fn pay(store: &EmbeddedStore, number: u64) {
    let event = NewEvent::json("Paid", format!(r#"{{"number":{number},"cents":100}}"#));
    store.append(Append::to(format!("account-{}", number % 3)).event(event)).expect("it fits");
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// Changes the payload of one event, and repairs the checksum of the record, of the frame's body
/// and header, and the chain through all frames behind it: docs/file-format.md says how.
fn forge(log: &mut [u8], position: u64) {
    let nonce = log[32..40].to_vec();
    let seed = u64::from_le_bytes(nonce.clone().try_into().expect("eight bytes"));
    let mut chain = xxh3_64_with_seed(&log[64..72], seed);
    let mut at = FILE_HEADER;
    while log[at..at + 4] == *b"HCom" {
        let length = u32_at(log, at + 4);
        let (frame, body) = log[at..at + FRAME_HEADER + length].split_at_mut(FRAME_HEADER);
        if frame[16..24] == position.to_le_bytes() {
            let place = body.windows(3).position(|text| text == b"100").expect("the amount");
            body[place] = b'9';
            let record = u32_at(body, 0);
            let checksum = crc32c::crc32c(&position.to_le_bytes());
            let checksum = crc32c::crc32c_append(checksum, &body[8..record]);
            put(body, 4, &checksum.to_le_bytes());
        }
        put(frame, 48, &crc32c::crc32c(body).to_le_bytes());
        let covered = [&frame[..40], &frame[48..52]].concat();
        chain = xxh3_64_with_seed(&covered, chain);
        put(frame, 40, &chain.to_le_bytes());
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&nonce), &frame[..52]);
        put(frame, 52, &checksum.to_le_bytes());
        at += FRAME_HEADER + length;
    }
}

#[test]
fn a_forged_event_passes_every_checksum_but_not_the_digest() {
    let disk = MemoryDisk::new();
    let store = open(&disk);
    (0..50).for_each(|number| pay(&store, number));
    let digest = |store: &EmbeddedStore, at| store.digest(Position(at)).expect("it is there");
    let (before, noted) = (digest(&store, 16), digest(&store, 50));
    drop(store);
    let file = disk.open(LOG).expect("it is there");
    let mut log = vec![0; file.len().expect("it has a length") as usize];
    file.read_at(&mut log, 0).expect("it can be read");
    forge(&mut log, 17);
    // What stands behind the forged frames is the mark of the close, which no longer fits.
    let end = log.windows(4).position(|text| text == b"HCls").expect("it was closed");
    log[end..end + FRAME_HEADER].fill(0);
    file.write_at(&log, 0).expect("it is there");
    disk.remove("closed").expect("it says where the old chain ended");

    assert_eq!(verify_disk(Arc::new(disk.clone())).expect("it can be read").damages, []);
    let store = open(&disk);
    let forged = store.read(Query::all().after(Position(16)).limit(1)).next();
    let forged = forged.expect("it is there").expect("its checksum fits");
    assert_eq!(forged.payload(), br#"{"number":16,"cents":900}"#);
    assert_eq!(digest(&store, 16), before, "what stands before it is as it was");
    assert_ne!(digest(&store, 50), noted, "what was noted shows the change");
}

#[test]
fn a_digest_is_the_same_after_reopening_sealing_merging_and_compressing() -> Result<()> {
    let disk = MemoryDisk::new();
    let mut small = options();
    (small.log_file_bytes_min, small.log_file_bytes_max) = (8 << 10, 32 << 10);
    let on = |disk: &MemoryDisk| EmbeddedStore::on(disk.clone(), SystemClock, small.clone());
    let store = on(&disk)?;
    let mut noted = Vec::new();
    for number in 0..1_000 {
        pay(&store, number);
        if number % 97 == 0 {
            noted.push((Position(number + 1), store.digest(Position(number + 1))?));
        }
    }
    store.compress()?;
    assert!(store.stat()?.indexes.len() < store.stat()?.files.len(), "some were merged");
    store.close()?;
    let store = on(&disk)?;
    for (position, digest) in &noted {
        assert_eq!(store.digest(*position)?, *digest, "at {position}");
    }
    for (position, digest) in noted.iter().rev() {
        assert_eq!(store.digest(*position)?, *digest, "at {position}, backwards");
    }
    let error = store.digest(Position(1_001)).expect_err("there are not so many");
    assert!(error.to_string().contains("1000"), "{error}");
    Ok(())
}

#[test]
fn whatever_differs_in_an_event_or_in_the_order_makes_another_digest() -> Result<()> {
    let event = |kind: &str, data: &str| NewEvent::json(kind.to_owned(), data.to_owned());
    let digest_of = |events: &[(&str, NewEvent)]| -> Result<_> {
        let store = EmbeddedStore::in_memory();
        for (stream, event) in events {
            store.append(Append::to(*stream).event(event.clone()))?;
        }
        store.digest(Position(events.len() as u64))
    };
    let (one, other) = (event("A", "1"), event("B", "2"));
    let mut digests = vec![
        digest_of(&[("s-1", one.clone()), ("s-1", other.clone())])?,
        digest_of(&[("s-1", other.clone()), ("s-1", one.clone())])?,
        digest_of(&[("s-1", one.clone()), ("s-2", other.clone())])?,
        digest_of(&[("s-1", one.clone())])?,
        digest_of(&[("s-1", event("A", "1"))])?,
        digest_of(&[])?,
    ];
    let count = digests.len();
    digests.sort_by_key(|digest| *digest.as_bytes());
    digests.dedup();
    assert_eq!(digests.len(), count);
    Ok(())
}

#[test]
fn what_is_no_digest_is_refused() {
    for text in ["", "12", "zz", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32)] {
        let error = text.parse::<hitherto_store::Digest>().expect_err("it is none");
        assert!(error.to_string().contains("64 hexadecimal digits"), "{error}");
    }
}
