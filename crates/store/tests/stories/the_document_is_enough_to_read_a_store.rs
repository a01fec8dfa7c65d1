//! A program in another language that knows only `docs/file-format.md` reads a store, checks
//! everything in it, and gives the same events and the same digest.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hitherto_store::{
    Append, ContentType, EmbeddedStore, EventId, EventStore, NewEvent, Options, Position, Query,
    Recorded, Tag, Target, repair,
};

/// What the decoder ends with if it cannot decompress.
const CANNOT: i32 = 3;

/// What the decoder says; nothing, and a word about it, where there is no Python. One that is named
/// (`cargo xtask test` names one) must have all that is needed.
fn decoded(store: &Path) -> Option<Output> {
    let decoder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/decoder/decode.py");
    let named = std::env::var("HITHERTO_PYTHON").ok();
    let python = named.as_deref().unwrap_or("python3");
    match Command::new(python).arg("-B").args([decoder.as_path(), store]).output() {
        Ok(output) if output.status.code() == Some(CANNOT) && named.is_none() => {
            not_run("decoding compressed files: this Python has no module `zstandard`")
        }
        Err(error) if named.is_none() => {
            not_run(&format!("the decoder: there is no Python ({error})"))
        }
        output => Some(output.expect("the Python that is named can be started")),
    }
}

/// Past the test harness, which shows what is printed only when a test fails.
fn not_run(why: &str) -> Option<Output> {
    let _ = writeln!(std::io::stderr(), "NOT RUN: {why}");
    None
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    let mut text = String::new();
    for byte in bytes.as_ref() {
        write!(text, "{byte:02x}").expect("text takes more");
    }
    text
}

fn line(event: &Recorded) -> String {
    let id = |id: Option<EventId>| id.map_or(String::new(), |id| hex(id.as_bytes()));
    let fields = [
        event.position().to_string(),
        hex(event.stream().unwrap_or("")),
        event.version().to_string(),
        hex(event.kind()),
        event.schema_version().to_string(),
        event.recorded_at().as_nanos().to_string(),
        hex(event.id().as_bytes()),
        event.tags().map(hex).collect::<Vec<_>>().join(","),
        format!("{:?}", event.content_type()).to_lowercase(),
        id(event.correlation()),
        id(event.causation()),
        hex(event.metadata()),
        hex(event.payload()),
    ];
    fields.join("|")
}

/// The decoder agrees with the store in everything.
fn check(path: &Path) {
    let store = EmbeddedStore::open_read_only(path).expect("it opens");
    let head = store.head().wait().expect("it is sound");
    let events = store.read(Query::all()).map(|event| line(&event.expect("it is sound")));
    let digest = store.digest(head).expect("it is sound");
    let expected = events.chain([format!("digest {digest}")]).collect::<Vec<_>>();
    let Some(output) = decoded(path) else { return };
    let (out, error) = [output.stdout, output.stderr].map(String::from_utf8).into();
    let (out, error) = (out.expect("text"), error.expect("text"));
    assert!(output.status.success(), "{}: {error}", path.display());
    assert_eq!(out.lines().collect::<Vec<_>>(), expected, "{}", path.display());
}

fn options() -> Options {
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = 8 << 10;
    options.log_file_bytes_max = 16 << 10;
    options
}

/// Something of everything that an append can be.
fn append(number: u64) -> Append {
    let event = NewEvent::json("Paid", format!(r#"{{"cents":{number}}}"#))
        .tag(Tag::new("customer", number % 5))
        .tag("late");
    match number % 4 {
        0 => Append::to(format!("account-{}", number % 3)).event(event),
        1 => Append::to("account-a")
            .event(event.metadata(r#"{"by":"Zoë"}"#).schema_version(3))
            .and(Append::to("account-b").event(NewEvent::json("Läuft", "{}"))),
        2 => Append::without_stream().events([
            event.correlation(EventId::from_u128(7)).causation(EventId::from_u128(8)),
            NewEvent::new("Binary", ContentType::Binary, vec![0, 255, number as u8]),
        ]),
        _ => {
            let text = "text that goes on and on. ".repeat(number as usize);
            Append::to("plain").event(NewEvent::new("Noted", ContentType::Text, text))
        }
    }
}

/// A store in this directory, still open.
fn filled(path: &Path) -> EmbeddedStore {
    let store = EmbeddedStore::open_with(path, options()).expect("it opens");
    for number in 0..80 {
        store.append(append(number)).expect("it fits");
    }
    store
}

fn new_directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("there is room");
    let path = directory.path().join("store");
    (directory, path)
}

#[test]
fn a_store_that_is_open_one_that_was_closed_and_one_of_an_older_version() {
    let (_directory, path) = new_directory();
    let store = filled(&path);
    check(&path);
    store.mark_idle().expect("it is well");
    check(&path);
    store.close().expect("it closes");
    check(&path);
    let reopened = EmbeddedStore::open_with(&path, options()).expect("it opens");
    reopened.append(append(80)).expect("it fits");
    check(&path);
    check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/history/1/store"));
}

/// Whether a compressed file has events twice.
fn has_gathered(path: &Path) -> bool {
    let mut files =
        std::fs::read_dir(path).expect("it is there").map(|it| it.expect("it is there"));
    files.any(|file| {
        let is_compressed = file.path().extension().is_some_and(|end| end == "zlog");
        is_compressed && std::fs::read(file.path()).expect("it is there")[80] > 0
    })
}

#[test]
fn a_store_with_compressed_files() {
    let (_directory, path) = new_directory();
    let store = filled(&path);
    store.compress().expect("there is room");
    assert!(store.stat().expect("it is sound").files.iter().any(|file| file.is_compressed));
    assert!(has_gathered(&path), "some events stand in it twice");
    check(&path);
}

/// Of what was removed, the stubs are left: the digest of history stays.
#[test]
fn a_store_that_was_scavenged() {
    let (_directory, path) = new_directory();
    let store = filled(&path);
    store.delete(Target::stream("plain")).expect("it is there");
    store.scavenge().expect("there is room");
    let files = store.stat().expect("it is sound").files;
    assert!(files.iter().any(|file| file.is_compressed), "{files:?}");
    check(&path);
}

#[test]
fn a_repaired_store_with_a_gap() {
    let (directory, path) = new_directory();
    let store = filled(&path);
    let files = store.stat().expect("it is sound").files;
    store.close().expect("it closes");
    std::fs::remove_file(path.join(&files[1].name)).expect("it is there");
    let repaired = directory.path().join("repaired");
    let salvage = repair(&path, &repaired).expect("the rest is whole");
    assert_eq!(salvage.losses.len(), 1, "{salvage:?}");
    check(&repaired);
}

/// The decoder itself is checked: it must not be content with what is damaged.
#[test]
fn the_decoder_notices_what_is_damaged() {
    let (_directory, path) = new_directory();
    let store = filled(&path);
    let places = [Position(3), Position(40), store.head().wait().expect("it is sound")];
    let needles = places.map(|position| {
        let mut read = store.read(Query::all().after(Position(position.0 - 1)).limit(1));
        *read.next().expect("it is there").expect("it is sound").id().as_bytes()
    });
    store.close().expect("it closes");
    for needle in needles {
        let entries = std::fs::read_dir(&path).expect("it is there");
        let files = entries.map(|entry| entry.expect("it can be listed").path());
        let place = files.filter(|path| path.extension().is_some_and(|end| end == "log")).find_map(
            |path| {
                let bytes = std::fs::read(&path).expect("it can be read");
                let place = bytes.windows(16).position(|window| window == needle)?;
                Some((path, bytes, place))
            },
        );
        let (file, sound, place) = place.expect("it is in a log file");
        let mut damaged = sound.clone();
        damaged[place] ^= 4;
        std::fs::write(&file, damaged).expect("it can be written");
        if let Some(output) = decoded(&path) {
            let error = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{error}");
            assert!(error.contains("damaged"), "{error}");
        }
        std::fs::write(&file, sound).expect("it can be written");
    }
}
