//! Appends to a store from several threads until it is killed, and says on standard output what was
//! acknowledged: one line an append, `position count`.

use std::io::Write;
use std::sync::Mutex;

use hitherto_store::{
    Append, EmbeddedStore, ErrorKind, EventStore, ExpectedVersion, NewEvent, Options, Position,
    Query,
};

const THREADS: u64 = 8;

fn main() {
    let path = std::env::args().nth(1).expect("the store's directory is the first argument");
    let mut options = Options::default();
    options.log_file_bytes_min = 64 << 10;
    options.log_file_bytes_max = 1 << 20;
    let store = EmbeddedStore::open_with(path, options).expect("the store opens");
    let output = Mutex::new(std::io::stdout());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, output) = (&store, &output);
            scope.spawn(move || append_for_ever(store, thread, output));
        }
    });
}

fn append_for_ever(store: &EmbeddedStore, thread: u64, output: &Mutex<std::io::Stdout>) {
    for number in 0.. {
        let append = next_append(store, thread, number);
        let count = append.event_ids().count();
        match store.append(append) {
            Ok(saved) => {
                let mut output = output.lock().expect("no thread panics with it");
                writeln!(output, "{} {count}", saved.first_position).expect("the parent reads it");
                drop(output);
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
        }
    }
}

/// One event, several, two streams at once, or one under a condition. Events of one append have the same
/// metadata, so that half of an append can be seen.
fn next_append(store: &EmbeddedStore, thread: u64, number: u64) -> Append {
    let mark = format!("{thread}/{number}");
    let event = |size: usize| {
        NewEvent::json("Happened", "x".repeat(size))
            .metadata(mark.clone())
            .tag(format!("t:{thread}"))
    };
    match number % 4 {
        0 => Append::to(format!("own-{thread}")).event(event(50)),
        1 => Append::to("shared-1").events((0..5).map(|_| event(300))),
        2 => Append::to(format!("left-{thread}"))
            .event(event(20))
            .and(Append::to("right-1").expect(ExpectedVersion::Any).event(event(2_000))),
        _ => {
            let head = store.head().wait().unwrap_or(Position::START);
            Append::without_stream().event(event(10)).unless(Query::tag("t", thread), head)
        }
    }
}
