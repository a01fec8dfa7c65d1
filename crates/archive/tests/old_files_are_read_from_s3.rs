//! Old log files are moved to a real server that speaks S3, read from there, verified and backed
//! up; when the server is gone, only their events are.

#![allow(clippy::unwrap_used, reason = "a story stops where it goes wrong")]

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use hitherto_archive::S3Archive;
use hitherto_store::{
    Append, Archive, EmbeddedStore, ErrorKind, EventId, EventStore, NewEvent, Options, Position,
    Query, Recorded, Result, check_backup, open_archives_with, verify,
};

fn open(path: &Path) -> EmbeddedStore {
    let mut options = Options::default();
    (options.log_file_bytes_min, options.log_file_bytes_max) = (64 << 10, 64 << 10);
    EmbeddedStore::open_with(path, options).unwrap()
}

fn append(store: &EmbeddedStore, events: u64) {
    for number in 0..events {
        let text: String = (0..15).map(|_| EventId::new().to_string()).collect();
        let text = format!(r#"{{"number":{number},"text":"{text}"}}"#);
        let stream = format!("play-{}", number % 5);
        store.append(Append::to(stream).event(NewEvent::json("Said", text))).unwrap();
    }
}

fn all(store: &EmbeddedStore) -> Vec<Recorded> {
    store.read(Query::all()).collect::<Result<_>>().unwrap()
}

/// The parts of `http://KEY:SECRET@HOST:PORT/BUCKET`.
struct Server {
    endpoint: String,
    key: String,
    secret: String,
    bucket: String,
}

static SERVER: OnceLock<Server> = OnceLock::new();

fn server(url: &str) -> Server {
    let (keys, place) = url.strip_prefix("http://").unwrap().split_once('@').unwrap();
    let (key, secret) = keys.split_once(':').unwrap();
    let (host, bucket) = place.split_once('/').unwrap();
    let endpoint = format!("http://{host}");
    let [key, secret, bucket] = [key, secret, bucket].map(str::to_owned);
    Server { endpoint, key, secret, bucket }
}

fn open_archive(location: &str) -> io::Result<Option<Arc<dyn Archive>>> {
    let Server { endpoint, key, secret, .. } = SERVER.get().unwrap();
    Ok(Some(Arc::new(S3Archive::at(endpoint, key, secret, location)?)))
}

#[test]
fn old_files_are_read_from_s3() {
    let what = "old log files in S3";
    let Some(url) = hitherto_services::from_environment(hitherto_services::S3, what) else {
        return;
    };
    let Server { bucket, .. } = SERVER.get_or_init(|| server(&url));
    open_archives_with(open_archive);
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let location = format!("s3://{bucket}/archive-{}", EventId::new());
    let archive = open_archive(&location).unwrap().unwrap();

    let store = open(&path("bank"));
    append(&store, 600);
    let (before, head) = (all(&store), store.head().wait().unwrap());
    let digest = store.digest(head).unwrap();
    let moved = store.archive(&*archive, 0).unwrap();
    assert!(moved.files >= 3, "{moved:?}");
    store.close().unwrap();

    let store = open(&path("bank"));
    assert!(all(&store) == before);
    assert_eq!(store.digest(head).unwrap(), digest);
    assert_eq!(store.read(Query::stream("play-3").backward()).count(), 120);
    assert_eq!(verify(path("bank")).unwrap().damages, []);
    store.backup(path("safe")).unwrap();
    assert_eq!(check_backup(path("safe")).unwrap().events, 600);
    store.close().unwrap();

    objects_are_put_read_and_removed(&*archive, &path("object"));
    what_is_not_there_is_named(&path("bank"), &*archive);
}

/// One that is sent in several parts, too.
fn objects_are_put_read_and_removed(archive: &dyn Archive, path: &Path) {
    let directory = hitherto_store::Directory::create(path).unwrap();
    for length in [1, 100_000, 20 << 20] {
        let bytes: Vec<u8> = (0..length).map(|byte| (byte % 251) as u8).collect();
        let name = format!("object-{length}");
        let object = hitherto_store::Disk::create(&directory, &name).unwrap();
        object.write_at(&bytes, 0).unwrap();
        archive.put(&name, &*object).unwrap();
        let mut back = vec![0; length];
        assert_eq!(archive.read_at(&name, &mut back, 0).unwrap(), length);
        assert!(back == bytes);
        let mut end = [0; 64];
        let filled = archive.read_at(&name, &mut end, length as u64 - 1).unwrap();
        assert_eq!(end[..filled], bytes[length - 1..]);
        archive.remove(&name).unwrap();
        archive.remove(&name).unwrap();
        let gone = archive.read_at(&name, &mut back, 0).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    }
}

fn what_is_not_there_is_named(bank: &Path, archive: &dyn Archive) {
    let store = open(bank);
    for number in 1..=3 {
        let stub = std::fs::read(bank.join(format!("{number:012}.alog"))).unwrap();
        let text = String::from_utf8_lossy(&stub[..2000]).into_owned();
        let start = text.find(&store.stat().unwrap().store_id.to_string()).unwrap();
        let object = &text[start..start + text[start..].find(".zlog").unwrap() + 5];
        archive.remove(object).unwrap();
    }
    let error = store.read(Query::all()).find_map(Result::err).unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains(archive.location()), "{error}");
    assert!(store.read(Query::all().after(Position(590))).all(|event| event.is_ok()));
}
