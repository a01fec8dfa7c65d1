//! Backups are taken, brought up to date, interrupted, damaged; and what is restored is compared
//! with the store.

#![allow(clippy::unwrap_used, reason = "a story stops where it goes wrong")]

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use hitherto_store::{
    Append, Backup, Disk, DiskFile, EmbeddedStore, Error, ErrorKind, EventStore, MemoryDisk,
    NewEvent, Options, Query, Recorded, Result, SystemClock, check_backup, check_backup_disk,
    restore, restore_disk, verify_disk,
};

fn open(disk: &MemoryDisk) -> EmbeddedStore {
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = 64 << 10;
    options.log_file_bytes_max = 64 << 10;
    options.raw_bytes_max = u64::MAX;
    EmbeddedStore::on(disk.clone(), SystemClock, options).unwrap()
}

fn append(store: &EmbeddedStore, events: u64) {
    let before = store.head().wait().unwrap().0;
    for number in before..before + events {
        let text = format!(r#"{{"number":{number},"text":"{}"}}"#, "to be ".repeat(100));
        let stream = format!("play-{}", number % 5);
        store.append(Append::to(stream).event(NewEvent::json("Said", text))).unwrap();
    }
}

fn all(store: &EmbeddedStore) -> Vec<Recorded> {
    store.read(Query::all()).collect::<Result<_>>().unwrap()
}

fn shared(disk: &MemoryDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

/// A store that was made of a backup, and is sound.
fn restored(backup: &MemoryDisk) -> EmbeddedStore {
    assert_eq!(check_backup_disk(&shared(backup)).unwrap().damages, []);
    let disk = MemoryDisk::new();
    restore_disk(&shared(backup), &disk).unwrap();
    assert_eq!(verify_disk(Arc::new(disk.clone())).unwrap().damages, []);
    open(&disk)
}

#[track_caller]
fn assert_same(store: &EmbeddedStore, copy: &EmbeddedStore) {
    let head = store.head().wait().unwrap();
    assert_eq!(copy.head().wait().unwrap(), head);
    assert_eq!(copy.digest(head).unwrap(), store.digest(head).unwrap());
    assert!(all(copy) == all(store), "every event is the same, with its place and time");
    assert_eq!(copy.stat().unwrap().store_id, store.stat().unwrap().store_id);
}

fn files(backup: &Backup) -> (usize, usize) {
    (backup.copied_files, backup.files)
}

#[test]
fn what_is_restored_is_the_store_and_goes_on_as_one() {
    let (disk, backup) = (MemoryDisk::new(), MemoryDisk::new());
    let store = open(&disk);
    store.backup_on(&backup).unwrap();
    assert_eq!(restored(&backup).head().wait().unwrap().0, 0, "a store without events, too");
    append(&store, 400);
    let taken = store.backup_on(&backup).unwrap();
    assert_eq!(taken.head.0, 400);
    let copy = restored(&backup);
    assert_same(&store, &copy);
    append(&copy, 300);
    assert_eq!(copy.read(Query::stream("play-3")).count(), 140);
    assert_eq!(store.head().wait().unwrap().0, 400, "the two are apart");
}

#[test]
fn what_did_not_change_is_not_copied_again() {
    let (disk, backup) = (MemoryDisk::new(), MemoryDisk::new());
    let store = open(&disk);
    append(&store, 400);
    let first = store.backup_on(&backup).unwrap();
    assert!(first.files > 4, "the file `format` and several log files: {first:?}");
    assert_eq!(files(&first), (first.files, first.files));
    let again = store.backup_on(&backup).unwrap();
    assert_eq!(files(&again), (1, first.files), "the last file may have grown");
    append(&store, 400);
    let more = store.backup_on(&backup).unwrap();
    assert_eq!(more.copied_files, more.files - first.files + 1);
    assert_same(&store, &restored(&backup));

    store.compress().unwrap();
    let compressed = store.backup_on(&backup).unwrap();
    assert!(compressed.bytes * 2 < more.bytes, "{compressed:?}");
    assert_eq!(store.backup_on(&backup).unwrap().copied_files, 1);
    assert_eq!(backup.list().unwrap().len(), compressed.files + 1, "what is old is gone");
    assert_same(&store, &restored(&backup));
}

#[test]
fn backups_beside_a_writer_have_all_that_was_acknowledged_before_and_nothing_torn() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let mut options = Options::default();
    (options.log_file_bytes_min, options.log_file_bytes_max) = (64 << 10, 64 << 10);
    options.raw_bytes_max = 128 << 10; // compressed under the backup's hands
    let store = EmbeddedStore::open_with(path("bank"), options).unwrap();
    let (stop, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut heads = Vec::new();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            // Without an end it would go on for ever behind a failure.
            while !stop.load(Ordering::Relaxed) && acknowledged.load(Ordering::Relaxed) < 20_000 {
                append(&store, 1);
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
        });
        let reader = EmbeddedStore::open_read_only(path("bank")).unwrap();
        for round in 0..12 {
            let before = acknowledged.load(Ordering::SeqCst);
            // In the process of the writer, and in another, as the command line does it.
            let from = if round % 2 == 0 { &store } else { &reader };
            let taken = from.backup(path("backup")).unwrap();
            assert!(taken.head.0 >= before, "{taken:?} after {before}");
            let report = check_backup(path("backup")).unwrap();
            assert_eq!((report.damages, report.events), (vec![], taken.head.0), "round {round}");
            restore(path("backup"), path(&format!("copy-{round}"))).unwrap();
            heads.push(taken.head);
            let goal = before + 150;
            while acknowledged.load(Ordering::SeqCst) < goal && !writer.is_finished() {
                std::thread::yield_now();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    let events = all(&store);
    for (round, head) in heads.iter().enumerate() {
        let copy = EmbeddedStore::open(path(&format!("copy-{round}"))).unwrap();
        assert!(all(&copy)[..] == events[..head.0 as usize], "round {round}");
        assert_eq!(copy.digest(*head).unwrap(), store.digest(*head).unwrap());
    }
}

/// A disk that is gone after so many changes: what a kill, or a full disk, leaves.
struct Failing(MemoryDisk, Arc<AtomicUsize>);

impl Failing {
    fn change(&self) -> io::Result<()> {
        change(&self.1)
    }
}

fn change(left: &AtomicUsize) -> io::Result<()> {
    let more = left.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    more.map(|_| ()).map_err(|_| io::ErrorKind::StorageFull.into())
}

struct FailingFile(Arc<dyn DiskFile>, Arc<AtomicUsize>);

impl Disk for Failing {
    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.change()?;
        Ok(Arc::new(FailingFile(self.0.create(name)?, Arc::clone(&self.1))))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.0.open(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change()?;
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change()?;
        self.0.remove(name)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.change()
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        self.0.lock()
    }
}

impl DiskFile for FailingFile {
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        change(&self.1)?;
        self.0.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        change(&self.1)
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        change(&self.1)?;
        self.0.set_len(bytes)
    }
}

/// An equal disk, apart from the first.
fn copy_of(disk: &MemoryDisk) -> MemoryDisk {
    let copy = MemoryDisk::new();
    for name in disk.list().unwrap() {
        let file = disk.open(&name).unwrap();
        let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
        file.read_at(&mut bytes, 0).unwrap();
        copy.create(&name).unwrap().write_at(&bytes, 0).unwrap();
    }
    copy
}

#[test]
fn a_backup_that_ends_at_any_step_leaves_the_one_before_or_is_whole() {
    let (disk, before) = (MemoryDisk::new(), MemoryDisk::new());
    let store = open(&disk);
    append(&store, 100);
    store.backup_on(&before).unwrap();
    append(&store, 150);
    let mut steps = 0;
    loop {
        let backup = copy_of(&before);
        let left = Arc::new(AtomicUsize::new(steps));
        let taken = store.backup_on(&Failing(backup.clone(), left));
        let copy = restored(&backup);
        let head = copy.head().wait().unwrap().0;
        assert!(head == 100 || head == 250, "after {steps} steps it has {head} events");
        assert!(all(&copy)[..] == all(&store)[..head as usize]);
        if taken.is_ok() {
            assert_eq!(head, 250);
            break;
        }
        store.backup_on(&backup).unwrap();
        assert_same(&store, &restored(&backup));
        steps += 1;
    }
    assert!(steps > 15, "it was interrupted {steps} times");
}

#[test]
fn a_restore_that_ends_at_any_step_makes_no_store_and_can_be_repeated() {
    let (disk, backup) = (MemoryDisk::new(), MemoryDisk::new());
    let store = open(&disk);
    append(&store, 250);
    store.backup_on(&backup).unwrap();
    let mut steps = 0;
    loop {
        let target = MemoryDisk::new();
        let left = Arc::new(AtomicUsize::new(steps));
        let ended = restore_disk(&shared(&backup), &Failing(target.clone(), left));
        let has_format = target.list().unwrap().contains(&"format".to_owned());
        if ended.is_ok() {
            assert_same(&store, &open(&target));
            break;
        }
        if has_format {
            assert_same(&store, &open(&target)); // only its name was not known to be durable
        }
        steps += 1;
    }
    assert!(steps > 10, "it was interrupted {steps} times");
}

#[test]
fn a_damaged_backup_is_found_by_the_check_and_never_restored() {
    let (disk, backup) = (MemoryDisk::new(), MemoryDisk::new());
    let store = open(&disk);
    append(&store, 200);
    store.backup_on(&backup).unwrap();
    for name in backup.list().unwrap() {
        for damage in 0..3 {
            let damaged = copy_of(&backup);
            let file = damaged.open(&name).unwrap();
            let length = file.len().unwrap();
            match damage {
                0 => {
                    let mut byte = [0];
                    file.read_at(&mut byte, length / 2).unwrap();
                    file.write_at(&[byte[0] ^ 4], length / 2).unwrap();
                }
                1 => file.set_len(length - 1).unwrap(),
                _ => damaged.remove(&name).unwrap(),
            }
            let checked = check_backup_disk(&shared(&damaged));
            let is_found = checked.is_err() || !checked.unwrap().damages.is_empty();
            assert!(is_found, "{name}, damage {damage}");
            let target = MemoryDisk::new();
            assert!(restore_disk(&shared(&damaged), &target).is_err());
            assert!(!target.list().unwrap().contains(&"format".to_owned()));
        }
    }
    let file = backup.list().unwrap().into_iter().find(|name| name.contains(".log.")).unwrap();
    backup.remove(&file).unwrap();
    store.backup_on(&backup).unwrap();
    assert_same(&store, &restored(&backup)); // a copy that is missing is made again
}

#[track_caller]
fn refused<T>(answer: Result<T, Error>, kind: ErrorKind, named: &str) {
    let error = answer.err().expect("it is refused");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(named), "{named:?} is not in {error}");
}

#[test]
fn a_wrong_target_is_named_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let store = EmbeddedStore::open(path("bank")).unwrap();
    append(&store, 10);
    refused(store.backup(path("bank")), ErrorKind::Invalid, "is of no backup");
    store.backup(path("backup")).unwrap();
    refused(restore(path("backup"), path("bank")), ErrorKind::Invalid, "is not empty");
    refused(restore(path("bank"), path("new")), ErrorKind::NotFound, "holds no backup");
    refused(restore(path("nowhere"), path("new")), ErrorKind::NotFound, "nowhere");
    refused(check_backup(path("bank")), ErrorKind::NotFound, "holds no backup");
    assert!(!path("new").exists() && !path("new.partial").exists());

    let other = EmbeddedStore::open(path("other")).unwrap();
    append(&other, 20);
    refused(other.backup(path("backup")), ErrorKind::Invalid, "of the store");
    restore(path("backup"), path("older")).unwrap();
    append(&store, 10);
    store.backup(path("backup")).unwrap();
    let older = EmbeddedStore::open(path("older")).unwrap();
    refused(older.backup(path("backup")), ErrorKind::Invalid, "none of them is lost");
    assert_eq!(check_backup(path("backup")).unwrap().events, 20);

    // What a restore that was killed left is taken away, but nothing else is.
    std::fs::create_dir(path("again.partial")).unwrap();
    std::fs::write(path("again.partial").join("000000000001.log"), "half").unwrap();
    assert_eq!(restore(path("backup"), path("again")).unwrap().head.0, 20);
    std::fs::create_dir(path("third.partial")).unwrap();
    std::fs::write(path("third.partial").join("letter.txt"), "dear").unwrap();
    refused(restore(path("backup"), path("third")), ErrorKind::Invalid, "letter.txt");
    assert!(path("third.partial").join("letter.txt").exists());
}
