//! Writes the store that is kept under `tests/history/`, one for each version of the format.
//!
//! `cargo run -p hitherto-store --example write_history -- tests/history/1`, once, when a version
//! of the format is released; what is there is never edited.

#[path = "../tests/stories/common/mod.rs"]
mod common;

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};

use hitherto_store::{
    Append, Clock, ContentType, Directory, EmbeddedStore, EventId, EventStore, NewEvent, Options,
    Query, Tag, Timestamp,
};

/// Starts at 2026-01-04T12:00:00Z and goes on by a second at each look.
struct StepClock(AtomicI64);

impl Clock for StepClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.fetch_add(1_000_000_000, Ordering::Relaxed))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = PathBuf::from(std::env::args().nth(1).ok_or("name the directory to write")?);
    let mut options = Options::default();
    options.log_file_bytes_min = 8 << 10;
    options.background = false;
    options.store_id = Some(EventId::from_u128(0x1234_5678_9abc_4def_8123_4567_89ab_cdef));
    let clock = StepClock(AtomicI64::new(1_767_528_000_000_000_000));
    let store = EmbeddedStore::on(Directory::create(path.join("store"))?, clock, options)?;
    for number in 0..60 {
        store.append(append(number))?;
    }
    let mut expected = String::new();
    for event in store.read(Query::all()) {
        writeln!(expected, "{}", common::line(&event?))?;
    }
    std::fs::write(path.join("expected.txt"), expected)?;
    store.close()?;
    Ok(())
}

/// Something of everything that an append can be.
fn append(number: u128) -> Append {
    let id = |part: u128| EventId::from_u128(number * 16 + part + 1);
    let deposited = NewEvent::json("MoneyDeposited", format!(r#"{{"amount":{number}}}"#))
        .id(id(0))
        .schema_version(2)
        .tag(Tag::new("customer", number % 5))
        .metadata(r#"{"user":"Zoë"}"#);
    match number % 4 {
        0 => Append::to(format!("account-{}", number % 3)).event(deposited),
        1 => Append::to("account-a")
            .event(deposited)
            .and(Append::to("account-b").event(NewEvent::json("Läuft", "{}").id(id(1)))),
        2 => Append::without_stream().events([
            deposited.correlation(id(7)).causation(id(8)),
            NewEvent::new("Binary", ContentType::Binary, vec![0, 255, number as u8]).id(id(1)),
        ]),
        _ => Append::to("plain").event(
            NewEvent::new("Noted", ContentType::Text, "x".repeat(300)).id(id(0)).causation(id(9)),
        ),
    }
}
