//! After each crash the log goes on in a new file. Their sizes once followed from what was
//! allocated, not from what was used, so that a store of some kilobytes took 256 MiB after its
//! fourth crash.

use hitherto_store::{
    Append, EmbeddedStore, EventStore, MemoryDisk, NewEvent, Options, SystemClock,
};

#[test]
fn a_store_that_crashes_often_stays_small() {
    let disk = MemoryDisk::new();
    let mut options = Options::default();
    options.background = false;
    for crash in 1..=20 {
        let store = EmbeddedStore::on(disk.clone(), SystemClock, options.clone());
        let store = store.expect("it opens after any crash");
        store.append(Append::to("a-1").event(NewEvent::json("Happened", "{}"))).expect("it fits");
        let files = store.stat().expect("a sound store").files;
        let allocated: u64 = files.iter().map(|file| file.allocated_bytes).sum();
        assert!(allocated < 2 << 20, "{allocated} bytes after {crash} crashes");
        crash_of(&disk, store);
    }
}

/// The process is gone without a close; only its lock is free again.
fn crash_of(disk: &MemoryDisk, store: EmbeddedStore) {
    use hitherto_store::Disk;
    let last =
        disk.list().expect("it can be listed").into_iter().filter(|n| n.contains("log")).max();
    let file = disk.open(&last.expect("there is a log")).expect("it is there");
    let mut before = vec![0; file.len().expect("it has a length") as usize];
    file.read_at(&mut before, 0).expect("it can be read");
    store.close().expect("it closes");
    file.write_at(&before, 0).expect("the clean end is gone again");
    disk.remove("closed").expect("it says where the clean end was");
}
