//! Reading since or until a time does not look at the events before and behind: it finds its place
//! by bisection, and what it reads of the disk grows with the number of digits, not of events.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::common::counting::CountingDisk;
use hitherto_store::{
    Append, Clock, EmbeddedStore, EventStore, NewEvent, Options, Query, Timestamp,
};

struct Seconds(AtomicI64);

impl Clock for Seconds {
    fn now(&self) -> Timestamp {
        second(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

fn second(number: i64) -> Timestamp {
    Timestamp::from_nanos(1_000_000_000 * number)
}

const EVENTS: i64 = 20_000;

#[test]
fn a_moment_in_twenty_thousand_events_is_found_with_some_forty_reads() {
    let disk = CountingDisk::default();
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = 64 << 10;
    options.log_file_bytes_max = 256 << 10;
    let store = EmbeddedStore::on(disk.clone(), Seconds(AtomicI64::new(0)), options);
    let store = store.expect("it opens");
    // The clock tells the creation one time, and each append one.
    let first = store.append(Append::to("a-1").event(NewEvent::json("Ticked", "{}")));
    first.expect("it fits");
    let start = store.read(Query::all()).next().expect("it is there").expect("it can be read");
    for number in 1..EVENTS {
        let event =
            NewEvent::json("Ticked", format!(r#"{{"number":{number},"text":"{number:0100}"}}"#));
        store.append(Append::to(format!("a-{}", number % 100)).event(event)).expect("it fits");
    }
    assert!(store.stat().expect("it is open").files.len() > 10);
    let begin = start.recorded_at().as_nanos() / 1_000_000_000;
    let cost = |query: Query| {
        disk.asked();
        let first = store.read(query).next().expect("there is one").expect("it can be read");
        let asked = disk.asked();
        (first.position().0.cast_signed(), asked.reads, asked.bytes.values().sum::<u64>())
    };
    for at in [1, 777, 10_000, EVENTS - 1] {
        let time = second(begin + at);
        for query in [Query::all().since(time), Query::all().until(time).backward()] {
            let (position, reads, bytes) = cost(query.clone());
            assert_eq!(position, at + 1, "{query:?}");
            // Bisection looks at 15 events; each may take a page of an index and its bytes.
            assert!(reads <= 48 && bytes <= 256 << 10, "{query:?}: {reads} reads, {bytes} bytes");
        }
    }
}
