//! The clock is set back and forward: recorded times never go back, and reading by time stays
//! right.

use std::panic::catch_unwind;

use crate::common::append;
use hitherto_sim::{SimClock, SimDisk, small_files};
use hitherto_store::planted::{PlantedBug, plant};
use hitherto_store::{Clock, EmbeddedStore, EventStore, Query, Recorded};

fn read(store: &EmbeddedStore, query: Query) -> Vec<Recorded> {
    store.read(query).map(|event| event.expect("it can be read")).collect()
}

#[test]
fn recorded_times_never_go_back_also_over_restarts_and_crashes() {
    const JUMPS: [i64; 8] = [1, -3_600, 10, -1, 315_360_000, -315_360_000, 5, 0];
    let (mut disk, clock) = (SimDisk::new(), SimClock::default());
    for round in 0..8 {
        let store =
            EmbeddedStore::on(disk.clone(), clock.clone(), small_files()).expect("it opens");
        for (number, jump) in (0..).zip(JUMPS) {
            clock.jump(jump + round);
            store.append(append(number)).expect("it is sound");
        }
        let events = read(&store, Query::all());
        assert!(events.is_sorted_by_key(Recorded::recorded_at));
        for event in &events {
            let time = event.recorded_at();
            let since = events.iter().filter(|other| other.recorded_at() >= time);
            assert_eq!(read(&store, Query::all().since(time)).len(), since.count());
            let until = events.iter().filter(|other| other.recorded_at() <= time);
            assert_eq!(read(&store, Query::all().until(time)).len(), until.count());
        }
        disk = match round % 3 {
            0 => disk.after_power_cut(round.unsigned_abs()),
            1 => disk.after_kill(),
            _ => {
                store.close().expect("it closes");
                disk.clone()
            }
        };
    }
}

#[test]
fn a_clock_that_goes_on_is_believed_again_when_it_is_past_the_last_event() {
    let (disk, clock) = (SimDisk::new(), SimClock::default());
    let store = EmbeddedStore::on(disk, clock.clone(), small_files()).expect("it opens");
    let last_time = |store: &EmbeddedStore| {
        let mut newest = store.read(Query::all().backward().limit(1));
        newest.next().expect("there is one").expect("it can be read").recorded_at()
    };
    store.append(append(0)).expect("it is sound");
    let first = last_time(&store);
    clock.jump(-100);
    store.append(append(0)).expect("it is sound");
    assert_eq!(last_time(&store), first);
    clock.jump(200);
    store.append(append(0)).expect("it is sound");
    assert_eq!(last_time(&store), clock.now());
    assert!(last_time(&store) > first);
}

#[test]
fn believing_the_clock_is_found() {
    plant(Some(PlantedBug::BelieveTheClock));
    let story = catch_unwind(recorded_times_never_go_back_also_over_restarts_and_crashes);
    plant(None);
    assert!(story.is_err());
}
