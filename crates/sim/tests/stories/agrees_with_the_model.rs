//! The engine and the model do the same, and must always say the same: random appends, conditions,
//! repeats, reads, followers and reopenings, made small when they fail.

use hitherto_sim::{Model, SimClock, SimDisk, small_files};
use hitherto_store::{
    Append, Direction, EmbeddedStore, EventId, EventStore, ExpectedVersion, NewEvent, Position,
    Query, Recorded, Result, Saved, StreamName, Timestamp,
};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Append {
        writes: Vec<Write>,
        condition: Option<(Vec<Item>, u64)>,
    },
    /// The append made that many appends ago, whole or without its last event.
    Repeat {
        ago: usize,
        is_whole: bool,
    },
    Ask {
        items: Vec<Item>,
        bounds: [Option<u64>; 4],
        is_backward: bool,
        limit: Option<u64>,
    },
    History {
        stream: u8,
        after: Option<u64>,
        up_to: Option<u64>,
    },
    Follow {
        items: Vec<Item>,
        after: u64,
        limit: u64,
    },
    SetClock(i64),
    Mark,
    Close,
    Kill,
    CutPower(u64),
}

/// Events for one stream, or none: each its kind and its tags as bits.
#[derive(Debug, Clone)]
struct Write {
    stream: Option<u8>,
    expected: ExpectedVersion,
    events: Vec<(u8, u8)>,
}

#[derive(Debug, Clone)]
struct Item {
    stream: Option<u8>,
    category: Option<u8>,
    kinds: u8,
    tags: u8,
}

const STREAMS: [&str; 4] = ["a-1", "a-2", "b-1", "a"];
const CATEGORIES: [&str; 3] = ["a", "b", "c"];
const KINDS: [&str; 3] = ["One", "Two", "Three"];
const TAGS: [&str; 3] = ["x:1", "y:1", "z:1"];

fn picked<'all>(all: &'all [&'static str], bits: u8) -> impl Iterator<Item = &'static str> + 'all {
    all.iter().enumerate().filter(move |(index, _)| bits & (1 << index) != 0).map(|(_, &name)| name)
}

fn item() -> impl Strategy<Value = Item> {
    let stream = proptest::option::weighted(0.3, 0..4_u8);
    let category = proptest::option::weighted(0.2, 0..3_u8);
    let rarely = || prop_oneof![3 => Just(0), 1 => 0..8_u8];
    (stream, category, rarely(), rarely()).prop_map(|(stream, category, kinds, tags)| Item {
        stream,
        category,
        kinds,
        tags,
    })
}

fn write() -> impl Strategy<Value = Write> {
    let expected = prop_oneof![
        4 => Just(ExpectedVersion::Any),
        1 => Just(ExpectedVersion::NoStream),
        1 => Just(ExpectedVersion::StreamExists),
        3 => (0..8_u64).prop_map(ExpectedVersion::Exact),
    ];
    let events = vec((0..3_u8, 0..8_u8), 0..4);
    (proptest::option::weighted(0.8, 0..4_u8), expected, events).prop_map(
        |(stream, expected, events)| {
            let expected = if stream.is_some() { expected } else { ExpectedVersion::Any };
            Write { stream, expected, events }
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let condition = proptest::option::weighted(0.3, (vec(item(), 0..4), 0..40_u64));
    let bound = || proptest::option::weighted(0.3, 0..40_u64);
    let bounds = [bound(), bound(), bound(), bound()];
    let limit = proptest::option::weighted(0.3, 0..8_u64);
    prop_oneof![
        12 => (vec(write(), 1..4), condition)
            .prop_map(|(writes, condition)| Step::Append { writes, condition }),
        3 => (0..6_usize, any::<bool>()).prop_map(|(ago, is_whole)| Step::Repeat { ago, is_whole }),
        8 => (vec(item(), 0..4), bounds, any::<bool>(), limit).prop_map(
            |(items, bounds, is_backward, limit)| Step::Ask { items, bounds, is_backward, limit }
        ),
        3 => (0..4_u8, bound(), bound())
            .prop_map(|(stream, after, up_to)| Step::History { stream, after, up_to }),
        2 => (vec(item(), 0..3), 0..30_u64, 1..6_u64)
            .prop_map(|(items, after, limit)| Step::Follow { items, after, limit }),
        2 => (-5..20_i64).prop_map(Step::SetClock),
        1 => Just(Step::Mark),
        1 => Just(Step::Close),
        1 => Just(Step::Kill),
        1 => any::<u64>().prop_map(Step::CutPower),
    ]
}

fn query_of(items: &[Item]) -> Query {
    let mut query = Query::all();
    for item in items {
        query.items.push(hitherto_store::QueryItem {
            stream: item.stream.map(|stream| STREAMS[usize::from(stream)].into()),
            category: item.category.map(|category| CATEGORIES[usize::from(category)].to_owned()),
            kinds: picked(&KINDS, item.kinds).map(str::to_owned).collect(),
            tags: picked(&TAGS, item.tags).map(Into::into).collect(),
        });
    }
    query
}

struct Both {
    disk: SimDisk,
    clock: SimClock,
    engine: Option<EmbeddedStore>,
    model: Model,
    made: Vec<Append>,
    next_id: u128,
}

impl Both {
    fn new() -> Self {
        let clock = SimClock::default();
        let (disk, model) = (SimDisk::new(), Model::new(clock.clone()));
        let mut both = Self { disk, clock, engine: None, model, made: Vec::new(), next_id: 1 };
        both.open();
        both
    }

    fn open(&mut self) {
        let opened = EmbeddedStore::on(self.disk.clone(), self.clock.clone(), small_files());
        self.engine = Some(opened.expect("it opens"));
    }

    fn engine(&self) -> &EmbeddedStore {
        self.engine.as_ref().expect("it is open between two steps")
    }

    fn restart(&mut self, disk: SimDisk) {
        self.engine = None;
        self.disk = disk;
        self.open();
    }

    fn do_step(&mut self, step: &Step) {
        match step {
            Step::Append { writes, condition } => {
                let append = self.append_of(writes, condition.as_ref());
                self.made.push(append.clone());
                self.append(append);
            }
            Step::Repeat { ago, is_whole } => self.repeat(*ago, *is_whole),
            Step::Ask { items, bounds, is_backward, limit } => {
                let mut query = bounded(query_of(items), *bounds);
                query.limit = *limit;
                self.read(if *is_backward { query.backward() } else { query });
            }
            Step::History { stream, after, up_to } => {
                let mut query = Query::stream(STREAMS[usize::from(*stream)]);
                (query.bounds.after_version, query.bounds.up_to_version) = (*after, *up_to);
                self.read(query.clone());
                self.read(query.backward());
            }
            Step::Follow { items, after, limit } => {
                self.follow(query_of(items).after(Position(*after)).limit(*limit));
            }
            Step::SetClock(seconds) => self.clock.jump(*seconds),
            Step::Mark => self.engine().mark_idle().expect("the disk is well"),
            Step::Close => {
                let engine = self.engine.take().expect("it is open between two steps");
                engine.close().expect("the disk is well");
                self.open();
            }
            Step::Kill => self.restart(self.disk.after_kill()),
            Step::CutPower(seed) => self.restart(self.disk.after_power_cut(*seed)),
        }
    }

    fn append_of(&mut self, writes: &[Write], condition: Option<&(Vec<Item>, u64)>) -> Append {
        let mut append = Append::default();
        for write in writes {
            let mut one = match write.stream {
                Some(stream) => Append::to(STREAMS[usize::from(stream)]).expect(write.expected),
                None => Append::without_stream(),
            };
            for &(kind, tags) in &write.events {
                self.next_id += 1;
                let payload = "p".repeat(usize::from(kind) * 400);
                let event = NewEvent::json(KINDS[usize::from(kind)], payload);
                let event = event.id(EventId::from_u128(self.next_id));
                one = one.event(picked(&TAGS, tags).fold(event, NewEvent::tag));
            }
            append = append.and(one);
        }
        match condition {
            Some((items, after)) => append.unless(query_of(items), Position(*after)),
            None => append,
        }
    }

    fn repeat(&mut self, ago: usize, is_whole: bool) {
        let Some(index) = self.made.len().checked_sub(ago + 1) else { return };
        let mut append = self.made[index].clone();
        if !is_whole && append.event_ids().count() > 1 {
            let last = append.writes.iter_mut().rfind(|write| !write.events.is_empty());
            last.expect("it has events").events[0].payload = "other".into();
        }
        self.append(append);
    }

    fn append(&self, append: Append) {
        let names: Vec<_> =
            append.writes.iter().filter_map(|write| write.stream.as_ref()).collect();
        let what = format!("{} streams, {append:?}", names.len());
        let (engine, model) = (self.engine().append(append.clone()), self.model.append(append));
        assert_eq!(answer(engine), answer(model), "{what}");
    }

    #[expect(clippy::needless_pass_by_value, reason = "as a store takes it")]
    fn read(&self, query: Query) {
        let of = |store: &dyn EventStore| -> Result<Vec<Recorded>, hitherto_store::ErrorKind> {
            store.read(query.clone()).collect::<Result<_>>().map_err(|error| error.kind())
        };
        assert_eq!(of(self.engine()), of(&self.model), "{query:?}");
    }

    /// As far as there is something already: what the model finds, the follower gives.
    #[expect(clippy::needless_pass_by_value, reason = "as a store takes it")]
    fn follow(&self, query: Query) {
        let expected: Vec<_> =
            self.model.read(query.clone()).map(|event| event.expect("it is there")).collect();
        let followed = self.engine().follow(query.clone()).take(expected.len());
        let found: Vec<_> = followed.map(|event| event.expect("it is there")).collect();
        assert_eq!(found, expected, "{query:?}");
    }

    fn compare_everything(&self) {
        self.read(Query::all());
        self.read(Query::all().backward());
        for stream in STREAMS {
            self.read(Query::stream(StreamName::from(stream)));
        }
        for event in self.model.events() {
            let found = self.engine().find(event.id()).wait().expect("it can be read");
            assert_eq!(found, Some(event));
        }
    }
}

fn bounded(mut query: Query, [after, up_to, since, until]: [Option<u64>; 4]) -> Query {
    let time = |seconds: u64| {
        let seconds = 1_000_000 + i64::try_from(seconds).expect("it is small") * 3;
        Timestamp::from_nanos(seconds * 1_000_000_000)
    };
    query.bounds.after = after.map(Position);
    query.bounds.up_to = up_to.map(Position);
    query.bounds.since = since.map(time);
    query.bounds.until = until.map(time);
    query.direction = Direction::Forward;
    query
}

type Answer = Result<Saved, (hitherto_store::ErrorKind, Option<hitherto_store::Conflict>)>;

fn answer(answer: Result<Saved>) -> Answer {
    answer.map_err(|error| (error.kind(), error.as_conflict().cloned()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done(steps in vec(step(), 1..80)) {
        let mut both = Both::new();
        for step in &steps {
            both.do_step(step);
        }
        both.compare_everything();
    }
}
