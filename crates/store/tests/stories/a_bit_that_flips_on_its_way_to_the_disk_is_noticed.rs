//! The checksum is made where an event enters, not where it is written: a bit that flips in memory
//! in between is noticed by whoever reads, and by `verify`.

use std::sync::Arc;

use hitherto_store::{
    Append, Disk, EmbeddedStore, ErrorKind, EventStore, NewEvent, Options, Query, SystemClock,
    verify_disk,
};

use crate::common::hooked::HookedDisk;

const LOG: &str = "000000000001.log";
/// Behind the header, which takes a page, the first batch is written here.
const START: u64 = 4096;

#[test]
fn wherever_in_the_batch_it_is() {
    let mut bytes = 400; // set to what is written, at the first round
    let mut place = 0;
    while place < bytes {
        let mut options = Options::default();
        options.background = false;
        let disk = HookedDisk::default();
        let store = EmbeddedStore::on(disk.clone(), SystemClock, options).expect("it opens");
        let file = disk.disk.open(LOG).expect("it is there");
        let (sender, written) = std::sync::mpsc::channel();
        disk.on_write(move |mut data| {
            data[place] ^= 1 << (place % 8);
            sender.send(data.len()).expect("somebody listens");
            file.write_at(&data, START)
        });
        let event = NewEvent::json("Happened", r#"{"cents":100}"#).tag("a:1");
        store.append(Append::to("account-1").event(event)).expect("the disk said yes");
        store.append(Append::to("account-2").event(NewEvent::json("B", "{}"))).expect("it fits");
        bytes = written.recv().expect("it was written");
        let noticed = store.read(Query::all()).find_map(Result::err);
        let verified = verify_disk(Arc::new(disk.disk.clone())).expect("it can be read");
        assert!(!verified.damages.is_empty(), "verify does not notice byte {place}");
        if let Some(error) = noticed {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{place}: {error}");
        }
        place += 1;
    }
    assert!(bytes > 100, "{bytes}");
}
