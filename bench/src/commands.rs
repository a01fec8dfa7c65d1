//! Commands: through the dispatcher and because of events, beside plain updates.

use std::error::Error;
use std::path::Path;

use hitherto::{
    Aggregate, Cause, Command, Commands, Event, EventId, Repository, Root, Store, wait,
};
use serde::{Deserialize, Serialize};

use crate::measure::{Measured, run_for};
use crate::place::Place;
use crate::settings::Settings;
use crate::table::{Contestant, Outcome, Role, Table};
use crate::target::Target::{self, AtLeast, OfLimit};

/// So many commands a counter, so that loading stays the same over time.
const COMMANDS_A_COUNTER: u64 = 10;
const DISPATCHED: &[Target] = &[AtLeast(20_000.0)];
const BECAUSE: &[Target] = &[OfLimit(0.9)];

#[derive(Event)]
enum CounterEvent {
    Counted { amount: u64 },
}

#[derive(Default)]
struct Counter {
    root: Root<CounterEvent>,
    sum: u64,
}

impl Aggregate for Counter {
    const CATEGORY: &'static str = "counter";
    type Id = String;
    type Event = CounterEvent;
    type Error = ();

    fn root(&mut self) -> &mut Root<CounterEvent> {
        &mut self.root
    }

    fn apply(&mut self, event: &CounterEvent) {
        let CounterEvent::Counted { amount } = event;
        self.sum += amount;
    }
}

impl Counter {
    fn count(&mut self, amount: u64) -> Result<(), ()> {
        self.sum.checked_add(amount).ok_or(())?;
        self.raise(CounterEvent::Counted { amount })
    }
}

#[derive(Serialize, Deserialize)]
struct Count {
    counter: String,
    amount: u64,
}

impl Command for Count {
    const NAME: &'static str = "Count";
    type Refusal = ();
}

/// How a counter is told to count.
#[derive(Debug, Clone, Copy)]
enum Way {
    Update,
    Dispatcher,
    DispatcherWithKeys,
    Because,
    BecauseAgain,
}

pub(crate) fn run(settings: &Settings) -> Result<Vec<Table>, Box<dyn Error>> {
    Ok(vec![in_memory(settings)?, durable(settings)?])
}

fn in_memory(settings: &Settings) -> Result<Table, Box<dyn Error>> {
    let round = |way| move || Ok(counted(settings, &Store::in_memory(), way));
    let ours = |name, way| Contestant::new(Role::Ours, name, round(way)).reach(DISPATCHED);
    let contestants = vec![
        ours("dispatcher", Way::Dispatcher),
        ours("dispatcher, with idempotency keys", Way::DispatcherWithKeys),
        Contestant::new(Role::Limit, "limit: plain `update`", round(Way::Update)),
    ];
    let title = "Commands: 1 caller, store in memory";
    Table::new(title, "commands/s").compete(settings.rounds(), contestants)
}

fn durable(settings: &Settings) -> Result<Table, Box<dyn Error>> {
    let round = |way| move || counted_on_disk(settings, way);
    let contestants = vec![
        Contestant::new(Role::Ours, "`because` of an event", round(Way::Because)).reach(BECAUSE),
        Contestant::new(Role::Ours, "`because` of one, again", round(Way::BecauseAgain)),
        Contestant::new(Role::Ours, "dispatcher, with keys", round(Way::DispatcherWithKeys))
            .reach(BECAUSE),
        Contestant::new(Role::Limit, "limit: plain `update`", round(Way::Update)),
    ];
    let title = "Commands: 1 caller, durable store";
    Table::new(title, "commands/s").compete(settings.rounds(), contestants)
}

fn counted_on_disk(settings: &Settings, way: Way) -> Outcome {
    let place = Place::fresh(&settings.directory, "commands")?;
    Ok(counted(settings, &open(place.path())?, way))
}

fn open(path: &Path) -> Result<Store, hitherto::Error> {
    Store::open(path.join("store"))
}

fn counted(settings: &Settings, store: &Store, way: Way) -> Measured {
    let counters = Repository::<Counter>::new(store);
    let commands = Commands::new(store).update(
        &counters,
        |count: &Count| &count.counter,
        |counter, c| counter.count(c.amount),
    );
    let mut number = 0;
    let mut first = None;
    let worker = move || {
        number += 1;
        let counter = (number / COMMANDS_A_COUNTER).to_string();
        let saved = match way {
            Way::Update => wait(counters.update(&counter, |c| c.count(1))),
            Way::Dispatcher => wait(commands.send(Count { counter, amount: 1 })),
            Way::DispatcherWithKeys => {
                wait(commands.send(Count { counter, amount: 1 }).key(number.to_string()))
            }
            Way::Because => because(&counters, EventId::new(), &counter),
            Way::BecauseAgain => {
                let event = *first.get_or_insert_with(EventId::new);
                because(&counters, event, "again")
            }
        };
        saved.expect("nothing is refused");
    };
    run_for(settings.duration(), 1, vec![worker])
}

fn because(
    counters: &Repository<Counter>,
    event: EventId,
    counter: &str,
) -> Result<hitherto::Saved, hitherto::UpdateError<()>> {
    let counters = counters.because(Cause::of_event(event, None).by("bench"));
    wait(counters.update(counter, |c| c.count(1)))
}
