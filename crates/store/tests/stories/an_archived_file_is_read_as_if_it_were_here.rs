//! Compressed files are moved to a directory elsewhere: everything reads the same, verifies, is
//! backed up and scavenged the same; when the archive is gone, only its events are.

#![allow(clippy::unwrap_used, reason = "a story stops where it goes wrong")]

use std::io;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use hitherto_store::planted::{PlantedBug, plant};
use hitherto_store::{
    Append, Archive, DirectoryArchive, DiskFile, EmbeddedStore, ErrorKind, EventId, EventStore,
    NewEvent, Options, Position, Query, Recorded, Result, Target, check_backup, repair, restore,
    verify,
};

fn open(path: &Path) -> EmbeddedStore {
    let mut options = Options::default();
    (options.log_file_bytes_min, options.log_file_bytes_max) = (64 << 10, 64 << 10);
    EmbeddedStore::open_with(path, options).unwrap()
}

fn append(store: &EmbeddedStore, events: u64) {
    let before = store.head().wait().unwrap().0;
    for number in before..before + events {
        // Little of it can be compressed, so that most of a file is in the archive alone.
        let text: String = (0..15).map(|_| EventId::new().to_string()).collect();
        let text = format!(r#"{{"number":{number},"text":"{text}"}}"#);
        let stream = format!("play-{}", number % 5);
        store.append(Append::to(stream).event(NewEvent::json("Said", text))).unwrap();
    }
}

fn all(store: &EmbeddedStore) -> Vec<Recorded> {
    store.read(Query::all()).collect::<Result<_>>().unwrap()
}

fn archived(store: &EmbeddedStore) -> usize {
    store.stat().unwrap().files.iter().filter(|file| file.archive.is_some()).count()
}

fn cold(path: &Path) -> DirectoryArchive {
    DirectoryArchive::create(path).unwrap()
}

#[test]
fn everything_reads_the_same_from_an_archive() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let store = open(&path("bank"));
    append(&store, 600);
    let (before, head) = (all(&store), store.head().wait().unwrap());
    let digest = store.digest(head).unwrap();
    let beside = EmbeddedStore::open_read_only(path("bank")).unwrap();
    assert!(all(&beside) == before);

    let moved = store.archive(&cold(&path("cold")), 0).unwrap();
    assert!(moved.files >= 3 && moved.bytes > 0, "{moved:?}");
    assert_eq!(archived(&store), moved.files as usize);
    assert_eq!(
        store.archive(&cold(&path("cold")), 0).unwrap().files,
        0,
        "there is no more to move"
    );
    assert!(all(&store) == before && all(&beside) == before);
    let backward: Vec<_> = store.read(Query::stream("play-3").backward()).collect();
    assert_eq!(backward.len(), 120);
    assert_eq!(store.find(before[7].id()).wait().unwrap().as_ref(), Some(&before[7]));
    store.close().unwrap();

    let store = open(&path("bank"));
    assert!(all(&store) == before, "also after opening again");
    assert_eq!(store.digest(head).unwrap(), digest);
    assert_eq!(verify(path("bank")).unwrap().damages, []);
    store.backup(path("safe")).unwrap();
    assert_eq!(check_backup(path("safe")).unwrap().events, 600);
    store.close().unwrap();
    repair(path("bank"), path("saved")).unwrap();
    std::fs::remove_dir_all(path("cold")).unwrap();
    restore(path("safe"), path("copy")).unwrap();
    assert!(all(&open(&path("copy"))) == before, "a backup has what is in the archive, too");
    assert!(all(&open(&path("saved"))) == before, "and so has what was repaired");
}

#[test]
fn when_an_archive_is_gone_only_its_events_are() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let store = open(&path("bank"));
    append(&store, 600);
    let before = all(&store);
    store.archive(&cold(&path("cold")), 0).unwrap();
    store.close().unwrap();
    std::fs::rename(path("cold"), path("elsewhere")).unwrap();

    let store = open(&path("bank")); // opening needs nothing of it
    // The first events of a file stand in what stays here.
    let error = store.read(Query::all()).find_map(Result::err).unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let location = format!("file://{}", path("cold").display());
    assert!(error.to_string().contains(&location), "{error}");
    assert!(!path("cold").exists(), "it is not made anew");
    let last: Vec<_> =
        store.read(Query::all().after(Position(590))).collect::<Result<_>>().unwrap();
    assert!(last[..] == before[590..]);
    append(&store, 100);
    assert_eq!(store.read(Query::stream("play-1").after(Position(600))).count(), 20);
    let again = store.append(Append::to("play-1").event(before[599].to_new_event()));
    assert!(again.is_err(), "what is elsewhere is known by its index: {again:?}");
    let failed = store.archive(&cold(&path("other")), 0);
    assert!(failed.is_ok(), "another archive is no matter of this one: {failed:?}");

    std::fs::rename(path("elsewhere"), path("cold")).unwrap();
    assert!(all(&store)[..600] == before[..], "it is back");
}

#[test]
fn a_file_is_removed_here_only_when_its_copy_came_back_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let store = open(&path("bank"));
    append(&store, 600);
    let before = all(&store);
    for wrong in 0..4 {
        let inner = DirectoryArchive::create(path(&format!("cold-{wrong}"))).unwrap();
        let archive = Unreliable { inner, wrong, puts: AtomicU32::new(0) };
        let error = store.archive(&archive, 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("cold-"), "{error}");
        assert!(all(&store) == before);
    }
    assert_eq!(archived(&store), 4, "one file was moved before each failure");
    assert_eq!(verify(path("bank")).unwrap().damages, []);
}

#[test]
fn believing_the_archive_is_found() {
    plant(Some(PlantedBug::BelieveTheArchive));
    let story = catch_unwind(a_file_is_removed_here_only_when_its_copy_came_back_whole);
    plant(None);
    assert!(story.is_err());
}

/// An archive that fails, or lies, at the second object.
struct Unreliable {
    inner: DirectoryArchive,
    wrong: u8,
    puts: AtomicU32,
}

struct Half<'object>(&'object dyn DiskFile);

impl Archive for Unreliable {
    fn location(&self) -> &str {
        self.inner.location()
    }

    fn put(&self, name: &str, object: &dyn DiskFile) -> io::Result<()> {
        let second = self.puts.fetch_add(1, Ordering::Relaxed) > 0;
        match self.wrong {
            0 if second => Err(io::ErrorKind::StorageFull.into()),
            1 if second => self.inner.put(name, &Half(object)),
            2 if second => Ok(()),
            _ => self.inner.put(name, object),
        }
    }

    fn read_at(&self, name: &str, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let filled = self.inner.read_at(name, buffer, offset)?;
        if self.wrong == 3 && self.puts.load(Ordering::Relaxed) > 1 {
            buffer[filled / 2] ^= 1;
        }
        Ok(filled)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.inner.remove(name)
    }
}

impl DiskFile for Half<'_> {
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let half = self.0.len()? / 2;
        let left = usize::try_from(half.saturating_sub(offset)).unwrap().min(buffer.len());
        self.0.read_at(&mut buffer[..left], offset)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len()? / 2)
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[test]
fn a_file_that_came_back_when_the_power_went_is_not_believed() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let store = open(&path("bank"));
    append(&store, 600);
    let before = all(&store);
    store.archive(&cold(&path("cold")), 0).unwrap();
    store.close().unwrap();
    let stub = path("bank").join("000000000001.alog");
    let object = std::fs::read_dir(path("cold")).unwrap().map(|entry| entry.unwrap().path());
    let object = object.min().unwrap();
    for content in [std::fs::read(object).unwrap(), vec![7; 10_000]] {
        assert!(stub.exists());
        std::fs::write(path("bank").join("000000000001.zlog"), &content).unwrap();
        std::fs::write(path("bank").join("000000000001.log"), [7; 9_000]).unwrap();
        let store = open(&path("bank"));
        assert!(all(&store) == before);
        store.archive(&cold(&path("cold")), 0).unwrap();
        assert!(!path("bank").join("000000000001.zlog").exists(), "it was taken away");
        store.close().unwrap();
    }
}

#[test]
fn damage_in_an_archive_is_noticed_never_returned() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let store = open(&path("bank"));
    append(&store, 600);
    store.archive(&cold(&path("cold")), 0).unwrap();
    store.close().unwrap();
    for object in std::fs::read_dir(path("cold")).unwrap() {
        let object = object.unwrap().path();
        let mut bytes = std::fs::read(&object).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x20;
        std::fs::write(&object, bytes).unwrap();
    }
    let store = open(&path("bank"));
    let errors: Vec<_> = store.read(Query::all()).filter_map(Result::err).collect();
    assert_eq!(errors[0].kind(), ErrorKind::Corrupt, "{errors:?}");
    assert!(!verify(path("bank")).unwrap().damages.is_empty());
}

/// Digits that hardly compress (the generator splitmix64).
fn noise(number: u64, digits: usize) -> String {
    let mut state = number << 32;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        format!("{:016x}", mixed ^ (mixed >> 31))
    };
    (0..digits / 16).map(|_| next()).collect()
}

/// Appends texts to five streams in turns.
fn say(store: &EmbeddedStore, text: impl Fn(u64) -> String) {
    for number in 0..600 {
        let said = NewEvent::json("Said", format!(r#"{{"text":"{}"}}"#, text(number)));
        store.append(Append::to(format!("play-{}", number % 5)).event(said)).unwrap();
    }
}

/// Without what the store notes down itself.
fn plays(store: &EmbeddedStore) -> Vec<Recorded> {
    store.read(Query::category("play")).collect::<Result<_>>().unwrap()
}

/// Bytes of all objects in an archive.
fn bytes_in(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| entry.metadata().unwrap().len()).sum()
}

#[test]
fn what_is_removed_from_an_archived_file_goes_from_the_archive_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let store = open(&path("bank"));
    say(&store, |number| noise(number, 500));
    let moved = store.archive(&cold(&path("cold")), 0).unwrap();
    let full = bytes_in(&path("cold"));
    let head = store.head().wait().unwrap();
    let digest = store.digest(head).unwrap();
    for gone in ["play-1", "play-2", "play-3"] {
        store.delete(Target::stream(gone)).unwrap();
    }
    let kept = plays(&store);
    store.scavenge().unwrap();
    let removed: u64 = store.stat().unwrap().files.iter().map(|file| file.removed_events).sum();
    assert_eq!(removed, 3 * 120);
    assert!(plays(&store) == kept, "what stays is read as before");

    // The old copies go when files are moved the next time, and the smaller ones take their place.
    let again = store.archive(&cold(&path("cold")), 0).unwrap();
    assert!(again.superseded > 0 && again.files >= moved.files, "{again:?}");
    // A scavenge ends the file that was written to, so one more is moved now.
    let (left, files) = (bytes_in(&path("cold")), again.files);
    let is_less = left * moved.files < full * files * 4 / 5;
    assert!(is_less, "room is given back there, file by file: {left} of {full}, {again:?}");
    store.close().unwrap();
    let store = open(&path("bank"));
    assert!(plays(&store) == kept);
    assert_eq!(store.digest(head).unwrap(), digest);
    assert_eq!(verify(path("bank")).unwrap().damages, []);
}

/// Names of the files of a directory that have some text as it is.
fn files_with(path: &Path, text: &str) -> Vec<String> {
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    let has_it = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    let found = entries.filter(|entry| has_it(&entry.path()));
    found.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// Once its dictionary and its first blocks stayed here as they were, until something was moved
/// again.
#[test]
fn what_is_removed_from_an_archived_file_is_not_in_what_stays_here_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let store = open(&path("bank"));
    say(&store, |number| {
        let who = if number % 5 == 1 { "Maria Lindgren" } else { "somebody else" };
        format!("{who} of the third ward, {}", noise(number, 300))
    });
    store.archive(&cold(&path("cold")), 0).unwrap();
    let found = files_with(&path("bank"), "Maria Lindgren");
    assert!(found.iter().any(|name| name.contains(".alog")), "it is there before: {found:?}");
    store.delete(Target::stream("play-1")).unwrap();
    let kept = plays(&store);
    store.scavenge().unwrap();
    assert_eq!(files_with(&path("bank"), "Maria Lindgren"), [""; 0]);
    store.close().unwrap();

    let store = open(&path("bank"));
    assert!(plays(&store) == kept);
    assert!(store.archive(&cold(&path("cold")), 0).unwrap().superseded > 0, "it is known still");
    assert_eq!(files_with(&path("cold"), "Maria Lindgren"), [""; 0]);
    assert!(plays(&store) == kept);
    assert_eq!(verify(path("bank")).unwrap().damages, []);
}

/// Puts objects into another archive, and is then reached no more.
struct BreaksOff(DirectoryArchive);

impl Archive for BreaksOff {
    fn location(&self) -> &str {
        self.0.location()
    }

    fn put(&self, name: &str, object: &dyn DiskFile) -> io::Result<()> {
        self.0.put(name, object)
    }

    fn read_at(&self, _: &str, _: &mut [u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::ConnectionReset.into())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

/// Once such an object stayed in the archive for good, and what was removed from its file with it.
#[test]
fn what_an_interrupted_move_put_into_an_archive_goes_with_the_next_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let store = open(&path("bank"));
    append(&store, 600);
    store.archive(&BreaksOff(cold(&path("cold"))), 0).unwrap_err();
    let objects = || std::fs::read_dir(path("cold")).unwrap().count();
    assert_eq!((objects(), archived(&store)), (1, 0), "nobody knows what is there");
    store.delete(Target::stream("play-1")).unwrap();
    store.scavenge().unwrap();
    store.close().unwrap();

    let store = open(&path("bank"));
    store.archive(&cold(&path("cold")), 0).unwrap();
    assert!(archived(&store) > 2);
    assert_eq!(objects(), archived(&store), "each is one that is known");
    assert!(!path("bank").join("archiving").exists());
}

/// The process ended when a file was moved, and the note of that was there still.
#[test]
fn a_note_of_a_move_that_was_done_removes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let store = open(&path("bank"));
    append(&store, 600);
    let before = all(&store);
    store.archive(&cold(&path("cold")), 0).unwrap();
    let stub = std::fs::read(path("bank").join("000000000002.alog")).unwrap();
    for is_named in [true, false] {
        if !is_named {
            // Somebody took the stub away: then the object has the only copy.
            std::fs::rename(path("bank").join("000000000002.alog"), path("aside")).unwrap();
        }
        std::fs::write(path("bank").join("archiving"), &stub[..4096]).unwrap();
        let files = std::fs::read_dir(path("cold")).unwrap().count();
        let _ = store.archive(&cold(&path("cold")), 0); // it misses a file, or not
        assert_eq!(std::fs::read_dir(path("cold")).unwrap().count(), files);
    }
    std::fs::rename(path("aside"), path("bank").join("000000000002.alog")).unwrap();
    assert!(all(&store) == before);
}

/// A file that cannot be read behind its first bytes.
struct Breaks;

impl DiskFile for Breaks {
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset == 0 { Ok(buffer.len()) } else { Err(io::ErrorKind::ConnectionReset.into()) }
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(64 << 20)
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[test]
fn an_object_is_removed_with_what_was_put_of_it_before_that_broke_off() {
    let directory = tempfile::tempdir().unwrap();
    let archive = cold(directory.path());
    archive.put("object", &Breaks).unwrap_err();
    assert!(bytes_in(directory.path()) > 0);
    archive.remove("object").unwrap();
    assert_eq!(bytes_in(directory.path()), 0);
}

#[test]
fn a_repair_while_an_archive_is_gone_says_what_is_missing_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let store = open(&path("bank"));
    append(&store, 600);
    let before = all(&store);
    store.archive(&cold(&path("cold")), 0).unwrap();
    store.close().unwrap();
    std::fs::rename(path("cold"), path("away")).unwrap();

    let error = repair(path("bank"), path("saved")).unwrap_err(); // what is only away is no loss
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("remove 000000000001.alog from the store"), "{error}");
    assert!(!path("saved").exists(), "nothing is left of it");

    std::fs::rename(path("away"), path("cold")).unwrap();
    assert!(all(&open(&path("bank"))) == before, "nothing has changed");
    repair(path("bank"), path("saved")).unwrap();
    assert!(all(&open(&path("saved"))) == before);

    // Somebody says that the archive is gone for good.
    std::fs::remove_dir_all(path("cold")).unwrap();
    let stubs = std::fs::read_dir(path("bank")).unwrap().map(|entry| entry.unwrap().path());
    let stubs = stubs.filter(|path| path.extension().is_some_and(|ending| ending == "alog"));
    stubs.for_each(|stub| std::fs::remove_file(stub).unwrap());
    let salvage = repair(path("bank"), path("rest")).unwrap();
    assert!(!salvage.losses.is_empty() && salvage.events > 0, "{salvage:?}");
}
