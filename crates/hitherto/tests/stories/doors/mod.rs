//! Doors that open and close: events for tests of followers.

#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use hitherto::runner::{Retry, Settings};
use hitherto::{Append, NewEvent, Position, Store, wait};

/// Something happens to a door.
pub fn open_door(store: &Store, door: u64, kind: &'static str) -> Position {
    let event = NewEvent::json(kind, "{}");
    wait(store.append(Append::to(format!("door-{door}")).event(event))).unwrap().position
}

/// Two attempts, with next to no pause between them.
pub fn quick() -> Settings {
    let pause = Duration::from_micros(50);
    let retry = Retry { attempts: 2, first_pause: pause, longest_pause: pause };
    Settings { retry, ..Settings::default() }
}
