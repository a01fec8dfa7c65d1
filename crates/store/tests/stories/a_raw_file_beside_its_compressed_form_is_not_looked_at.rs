//! A power cut can bring a removed raw log file back, with bytes of other files in it (ext4 with
//! data=writeback gives its blocks to others before the removal is durable).

#![allow(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use hitherto_store::{Append, EmbeddedStore, EventStore, NewEvent, Options, verify};

#[test]
fn a_raw_file_that_came_back_beside_its_compressed_form_is_not_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let mut options = Options::default();
    options.log_file_bytes_min = 16 << 10;
    options.log_file_bytes_max = 128 << 10;
    options.raw_bytes_max = 0;
    let compressed = || {
        let names = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
        names.into_iter().find(|name| name.extension().is_some_and(|it| it == "zlog"))
    };
    let mut events = 0;
    while events == 0 || compressed().is_none() {
        let store = EmbeddedStore::open_with(&path, options.clone()).unwrap();
        for _ in 0..400 {
            let event = NewEvent::json("Filled", "x".repeat(1000));
            store.append(Append::to("file-1").event(event)).unwrap();
            events += 1;
        }
        store.close().unwrap();
    }
    std::fs::write(compressed().unwrap().with_extension("log"), vec![0; 100_000]).unwrap();

    let report = verify(&path).unwrap();
    assert_eq!((report.damages, report.events), (vec![], events));
}
