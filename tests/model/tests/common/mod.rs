//! What the stories share: schedules, stores without chance, and planted bugs.

#![allow(dead_code, reason = "each story uses a part")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use modelled_store::planted::{PlantedBug, plant};
use modelled_store::{Clock, Disk, EmbeddedStore, EventId, NewEvent, Options, Recorded, Timestamp};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, Runner};

/// Orders of the threads that are tried in the test run; `HITHERTO_MODEL_SCHEDULES` asks for more.
const SCHEDULES: usize = 300;
/// A planted bug that is not found in so many is not found.
const SCHEDULES_MAX: usize = 20_000;
/// In so many places, at the most, an order that is chosen by priorities changes them.
const CHANGES: usize = 4;

/// Runs a story in many orders of its threads: half of them by chance, half by priorities that
/// change now and then. A thread that waits for ever is found as well as a check that fails.
pub(crate) fn explore(story: impl Fn() + Send + Sync + Clone + 'static) {
    let asked = std::env::var("HITHERTO_MODEL_SCHEDULES").ok().and_then(|text| text.parse().ok());
    let schedules = asked.unwrap_or(SCHEDULES);
    run(RandomScheduler::new(schedules / 2), FailurePersistence::Print, story.clone());
    run(PctScheduler::new(CHANGES, schedules / 2), FailurePersistence::Print, story);
}

/// Whether the story shows a bug that is planted.
pub(crate) fn finds(bug: PlantedBug, story: impl Fn() + Send + Sync + Clone + 'static) -> bool {
    plant(Some(bug));
    let found = catch_unwind(AssertUnwindSafe(|| {
        let by_chance = RandomScheduler::new_from_seed(7, SCHEDULES_MAX);
        run(by_chance, FailurePersistence::None, story);
    }));
    plant(None);
    found.is_err()
}

fn run(
    scheduler: impl Scheduler + 'static,
    on_failure: FailurePersistence,
    story: impl Fn() + Send + Sync + 'static,
) {
    let mut config = Config::new();
    config.failure_persistence = on_failure;
    config.stack_size = 1 << 18;
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(story);
}

/// The same at every look: an order of threads must do the same each time.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(1_700_000_000_000_000_000)
    }
}

/// Options for small files, and nothing random.
pub(crate) fn options(background: bool) -> Options {
    let mut options = Options::default();
    options.background = background;
    options.store_id = Some(EventId::from_u128(7));
    options.log_file_bytes_min = 8 << 10;
    options.log_file_bytes_max = 8 << 10;
    options.memory_bytes_max = 8 << 20;
    options.scrub_every = std::time::Duration::ZERO;
    options
}

/// Opens a store.
pub(crate) fn open(disk: impl Disk, options: Options) -> EmbeddedStore {
    EmbeddedStore::on(disk, Stopped, options).expect("it opens")
}

/// An event that is the same each time.
pub(crate) fn event(number: u64) -> NewEvent {
    let id = EventId::from_u128(u128::from(number) + 1);
    NewEvent::json("Happened", number.to_string()).id(id)
}

/// All positions, which must be there without a gap.
pub(crate) fn positions(events: &[Recorded]) -> Vec<u64> {
    events.iter().map(|event| event.position().0).collect()
}
