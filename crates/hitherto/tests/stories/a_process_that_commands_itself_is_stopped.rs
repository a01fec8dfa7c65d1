//! A process that commands itself for ever is bounded, parked and reported; the others go on.

use crate::common::transfer::quick;
use hitherto::checkpoints::Checkpoints;
use hitherto::runner::State;
use hitherto::{
    Aggregate, Delivery, Event, Outcome, Process, Processor, Query, Repository, Root, Store, wait,
};

#[derive(Event, Debug)]
enum BallEvent {
    BallThrown { by: String },
}
use BallEvent::BallThrown;

#[derive(Default)]
struct Ball {
    root: Root<BallEvent>,
}

impl Aggregate for Ball {
    const CATEGORY: &'static str = "ball";
    type Id = String;
    type Event = BallEvent;
    type Error = ();

    fn root(&mut self) -> &mut Root<BallEvent> {
        &mut self.root
    }

    fn apply(&mut self, _: &BallEvent) {}
}

/// Throws back what others have thrown, or what it has thrown itself.
struct Ann(Repository<Ball>, &'static str);
struct Ben(Repository<Ball>);

async fn throw(
    balls: &Repository<Ball>,
    event: &Delivery<BallEvent>,
    by: &str,
) -> hitherto::Result<()> {
    let thrown = |ball: &mut Ball| ball.raise(BallThrown { by: by.into() });
    balls.because(event).update(event.stream_id(), thrown).await.must()?;
    Ok(())
}

impl Process for Ann {
    const NAME: &'static str = "ann";
    type Event = BallEvent;

    async fn react(&self, event: &Delivery<BallEvent>) -> hitherto::Result<()> {
        let BallThrown { by } = &event.data;
        if by == self.1 { throw(&self.0, event, "ann").await } else { Ok(()) }
    }
}

impl Process for Ben {
    const NAME: &'static str = "ben";
    type Event = BallEvent;

    async fn react(&self, event: &Delivery<BallEvent>) -> hitherto::Result<()> {
        let BallThrown { by } = &event.data;
        if by == "ann" { throw(&self.0, event, "ben").await } else { Ok(()) }
    }
}

fn serve(balls: &Repository<Ball>, id: &str, by: &str) {
    wait(balls.update(id, |ball| ball.raise(BallThrown { by: by.into() }))).expect("it is thrown");
}

/// Waits until nothing more happens.
fn settle(store: &Store, processes: &[&Processor]) {
    loop {
        let head = wait(store.head()).expect("memory works");
        for process in processes {
            wait(process.reached(head)).expect("it runs");
        }
        if wait(store.head()).expect("memory works") == head {
            return;
        }
    }
}

#[test]
fn one_that_reacts_to_itself_is_stopped_after_so_many_rounds() {
    let store = Store::in_memory();
    let balls = Repository::<Ball>::new(&store);
    let ann = Processor::start(&store, &Checkpoints::in_memory(), Ann(balls.clone(), "ann"));
    let ann = wait(ann.chain_max(20).retry(quick())).expect("it starts");
    serve(&balls, "red", "ann");
    settle(&store, &[&ann]);

    // The service, 20 events with causes behind them, and the one that is not reacted to.
    assert_eq!(store.read(Query::stream("ball-red")).count(), 22);
    let parked = ann.parked().expect("memory works");
    assert_eq!((parked.len(), parked[0].key.as_str()), (1, "ball-red"));
    assert!(parked[0].error.contains("more than 20 causes behind it: ann goes round in a circle"));
    let status = store.monitor().statuses().remove(0);
    assert_eq!((status.name.as_str(), status.state, status.parked), ("ann", State::Live, 1));
    assert!(status.last_error.expect("it is told").contains("goes round in a circle"));

    serve(&balls, "blue", "nobody");
    settle(&store, &[&ann]);
    assert_eq!(ann.status().parked, 1, "another stream is not concerned");
}

#[test]
fn two_that_react_to_each_other_are_stopped_as_well() {
    let store = Store::in_memory();
    let balls = Repository::<Ball>::new(&store);
    let ann = Processor::start(&store, &Checkpoints::in_memory(), Ann(balls.clone(), "ben"));
    let ben = Processor::start(&store, &Checkpoints::in_memory(), Ben(balls.clone()));
    let ann = wait(ann.chain_max(20).retry(quick())).expect("it starts");
    let ben = wait(ben.chain_max(20).retry(quick())).expect("it starts");
    serve(&balls, "red", "ben");
    settle(&store, &[&ann, &ben]);
    assert_eq!(store.read(Query::stream("ball-red")).count(), 22);
    assert_eq!(ann.status().parked + ben.status().parked, 1 + 1, "neither reacts to the last");
}

#[test]
fn a_long_chain_is_walked_after_a_restart_as_well() {
    let store = Store::in_memory();
    let balls = Repository::<Ball>::new(&store);
    serve(&balls, "red", "ann");
    for chain_max in [10, 20] {
        let ann = Processor::start(&store, &Checkpoints::in_memory(), Ann(balls.clone(), "ann"));
        let ann = wait(ann.chain_max(chain_max).retry(quick())).expect("it starts");
        settle(&store, &[&ann]);
        assert_eq!(store.read(Query::stream("ball-red")).count() as u32, chain_max + 2);
        assert_eq!(ann.status().parked, 1);
    }
}

#[test]
fn skipping_the_parked_event_ends_the_circle() {
    let store = Store::in_memory();
    let balls = Repository::<Ball>::new(&store);
    let ann = Processor::start(&store, &Checkpoints::in_memory(), Ann(balls.clone(), "ann"));
    let ann = wait(ann.chain_max(5).retry(quick())).expect("it starts");
    serve(&balls, "red", "ann");
    settle(&store, &[&ann]);
    let parked = ann.parked().expect("memory works").remove(0);
    wait(ann.skip(parked.position)).expect("it is parked");
    assert_eq!((ann.status().parked, store.read(Query::all()).count()), (0, 7));
}

#[test]
fn events_that_nothing_caused_have_no_chain_however_many_there_are() {
    let store = Store::in_memory();
    let balls = Repository::<Ball>::new(&store);
    let ann = Processor::start(&store, &Checkpoints::in_memory(), Ann(balls.clone(), "ben"));
    let ann = wait(ann.chain_max(1).retry(quick())).expect("it starts");
    for _ in 0..30 {
        serve(&balls, "red", "ben");
    }
    settle(&store, &[&ann]);
    assert_eq!(ann.status().parked, 0);
    assert_eq!(store.read(Query::all()).count(), 60);
}
