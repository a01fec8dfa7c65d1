//! A partition that is busy while others go on misses what it is told of them. It has to be told
//! again, also if nothing happens any more, or whoever waits for it waits for ever.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::doors::{open_door, quick};
use hitherto::projection::Definition;
use hitherto::runner::{
    Failure, Handler, Order, Parked, Progress, Settings, Target, Work, follow, partition_of,
};
use hitherto::{Position, Query, Store, wait};

const PARTITIONS: u32 = 2;
/// More than wait for a partition.
const EVENTS: u64 = 20;

/// Keeps nothing; its second partition waits before it handles anything, and says that it does.
struct Gated {
    waits: Sender<()>,
    gate: Option<Receiver<()>>,
}

struct GatedHandler {
    progress: Progress,
    gate: Option<(Sender<()>, Receiver<()>)>,
}

impl Target for Gated {
    fn positions(&mut self) -> Result<Vec<Position>, Failure> {
        Ok(vec![Position::START; PARTITIONS as usize])
    }

    fn spread(&mut self, _: u32, _: Position) -> Result<(), Failure> {
        Ok(())
    }

    fn handler(&mut self, partition: u32, _: u32) -> Result<Box<dyn Handler>, Failure> {
        let gate = if partition == 1 { self.gate.take() } else { None };
        let gate = gate.map(|gate| (self.waits.clone(), gate));
        Ok(Box::new(GatedHandler { progress: Progress::default(), gate }))
    }

    fn parked(&mut self) -> Result<Vec<Parked>, Failure> {
        Ok(Vec::new())
    }

    fn order(&mut self, _: Position, _: Order) -> Result<bool, Failure> {
        Ok(false)
    }
}

impl Handler for GatedHandler {
    fn resume(&mut self) -> Result<Progress, Failure> {
        Ok(self.progress.clone())
    }

    fn commit(&mut self, work: &Work<'_>) -> Result<(), Failure> {
        if let Some((waits, gate)) = self.gate.take() {
            waits.send(()).unwrap();
            gate.recv().unwrap();
        }
        self.progress.position = work.up_to;
        Ok(())
    }

    fn orders(&mut self) -> Result<Vec<Parked>, Failure> {
        Ok(Vec::new())
    }
}

fn door_of(partition: u32) -> u64 {
    let is_of = |door: &u64| partition_of(&format!("door-{door}"), PARTITIONS) == partition;
    (0..100).find(is_of).unwrap()
}

#[test]
fn who_waits_for_it_does_not_wait_for_ever() {
    let store = Store::in_memory();
    open_door(&store, door_of(1), "Opened");
    for _ in 0..EVENTS {
        open_door(&store, door_of(0), "Opened");
    }
    let ((waits, waiting), (open, gate)) = (channel(), channel());
    let gated = Gated { waits, gate: Some(gate) };
    let settings = Settings { partitions: PARTITIONS, batch: 1, ..quick() };
    let definition = Definition::new("gated", 1, Query::all());
    let follower = follow(&store, definition, Box::new(gated), settings).unwrap();
    waiting.recv().unwrap();
    while follower.status().handled < EVENTS {
        std::thread::yield_now();
    }
    // The reading thread has had its chance to see that this is all.
    for _ in 0..1_000 {
        std::thread::yield_now();
    }
    open.send(()).unwrap();

    let (is_done, done) = channel();
    std::thread::spawn(move || {
        is_done.send(wait(follower.catch_up()).map(|status| status.position))
    });
    let caught_up = done.recv_timeout(Duration::from_mins(1)).expect("it is told").unwrap();
    assert_eq!(caught_up.0, EVENTS + 1);
}
