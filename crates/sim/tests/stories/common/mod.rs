//! A small workload on a simulated disk.

use hitherto_sim::{History, SimClock, SimDisk, small_files};
use hitherto_store::{Append, EmbeddedStore, NewEvent, Query, Result};

/// Opens the store on a disk for writing.
pub(crate) fn open(disk: &SimDisk) -> Result<EmbeddedStore> {
    EmbeddedStore::on(disk.clone(), SimClock::default(), small_files())
}

/// Appends of one event, of several, and over two streams, some so large that files fill up.
#[allow(dead_code, reason = "not every test makes its own appends")]
pub(crate) fn append(number: u64) -> Append {
    let text = |length: u64| "x".repeat(usize::try_from(length).expect("it is small"));
    let event = |length| NewEvent::json("Happened", text(length)).tag("some:tag");
    let stream = format!("a-{}", number % 2);
    match number % 3 {
        0 => Append::to(stream).event(event(40)),
        1 => Append::to(stream).events([event(1_500), event(700)]),
        _ => Append::to(stream)
            .event(event(900))
            .and(Append::to("b-1").event(event(10)))
            .and(Append::without_stream().event(event(600)))
            .unless(Query::tag("no", "such"), hitherto_store::Position::START),
    }
}

/// Opens, appends until something fails, and closes.
#[allow(dead_code, reason = "not every test needs a whole run")]
pub(crate) fn work(disk: &SimDisk, history: &mut History, appends: u64) {
    let Ok(store) = open(disk) else { return };
    for number in 0..appends {
        if !history.append(&store, append(number)) {
            return;
        }
    }
    // It fails when the disk does.
    let _ = store.close();
}
