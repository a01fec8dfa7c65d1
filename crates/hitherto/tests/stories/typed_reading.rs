//! Reading and following as a type: narrowed to its kinds, under all the names they ever had.

use crate::common::{AccountEvent, BankAccount};
use hitherto::{
    Append, Decision, ErrorKind, Event, NewEvent, Position, Query, Repository, Store, Tag, wait,
};

#[derive(Event, Debug, PartialEq)]
enum UserEvent {
    UserRegistered {
        #[tag]
        user: u32,
    },
    #[event(was = "MailUpdated", was = "EmailUpdated")]
    EmailChanged {
        #[tag]
        user: u32,
    },
}
use UserEvent::*;

#[derive(Event, Debug, PartialEq)]
enum AnyEvent {
    User(UserEvent),
    Account(AccountEvent),
}

fn store() -> Store {
    let store = Store::in_memory();
    let kinds = ["UserRegistered", "MailUpdated", "EmailUpdated", "SomethingElse", "EmailChanged"];
    let event = |kind| NewEvent::json(kind, r#"{"user":7}"#).tag(Tag::new("user", 7));
    wait(store.append(Append::to("user-7").events(kinds.map(event)))).expect("it is stored");
    store
}

fn positions(store: &Store, query: Query) -> Vec<u64> {
    let events = store.read_as::<UserEvent>(query);
    events.map(|event| event.expect("it is known").position().0).collect()
}

#[test]
fn a_query_that_names_no_kinds_finds_all_of_the_type_and_no_other() {
    assert_eq!(positions(&store(), Query::all()), [1, 2, 3, 5]);
    assert_eq!(positions(&store(), Query::stream("user-7").after_version(2)), [3, 5]);
    assert_eq!(positions(&store(), Query::tag("user", 7).backward().limit(2)), [5, 3]);
}

#[test]
fn a_query_that_names_a_kind_finds_it_under_its_older_names_too() {
    let store = store();
    for name in ["EmailChanged", "EmailUpdated", "MailUpdated"] {
        assert_eq!(positions(&store, Query::of_kinds([name])), [2, 3, 5], "{name}");
    }
    let both =
        Query::of_kinds(["UserRegistered"]).or(Query::tag("user", 7).kinds(["EmailChanged"]));
    assert_eq!(positions(&store, both), [1, 2, 3, 5]);
}

#[test]
fn a_kind_that_the_type_does_not_know_is_an_error_if_it_is_asked_for() {
    let mut events = store().read_as::<UserEvent>(Query::of_kinds(["SomethingElse"]));
    let error = events.next().expect("there is one").expect_err("it is unknown");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("event 4"), "{error}");
}

#[test]
fn a_union_reads_all_its_types_in_their_order() {
    let store = store();
    let accounts = Repository::<BankAccount>::new(&store);
    wait(accounts.update("a", |account| account.open("a", 1))).expect("it opens");
    let events = store.read_as::<AnyEvent>(Query::all());
    let events: Vec<_> = events.map(|event| event.expect("it is known")).collect();
    assert_eq!(events.len(), 5);
    assert_eq!(events[0].data, AnyEvent::User(UserRegistered { user: 7 }));
    assert!(matches!(events[4].data, AnyEvent::Account(_)));
    assert_eq!((events[4].stream_id(), events[4].version(), events[4].position().0), ("a", 1, 6));
}

#[test]
fn following_gives_what_is_there_and_then_what_comes() {
    let store = store();
    let follower = store.clone();
    let seen = std::thread::scope(|scope| {
        let follow = scope.spawn(move || {
            let query = Query::all().after(Position(3)).up_to(Position(7));
            let events = follower.follow_as::<UserEvent>(query);
            events.map(|event| event.expect("it is known").position().0).collect::<Vec<_>>()
        });
        for kind in ["SomethingElse", "EmailChanged"] {
            let event = NewEvent::json(kind, r#"{"user":7}"#);
            wait(store.append(Append::to("user-7").event(event))).expect("it is stored");
        }
        follow.join().expect("it ends at the upper bound")
    });
    assert_eq!(seen, [5, 7]);
}

/// Changes a user's address, once only: it looks for the kind by today's name.
struct ChangeOnce;

impl Decision for ChangeOnce {
    type Event = UserEvent;
    type State = u32;
    type Error = &'static str;

    fn query(&self) -> Query {
        Query::tag("user", 7).kinds(["EmailChanged"])
    }

    fn apply(&self, changes: &mut u32, _: &UserEvent) {
        *changes += 1;
    }

    fn decide(&self, changes: &u32) -> Result<Vec<UserEvent>, &'static str> {
        hitherto::ensure(*changes == 0, "changed before")?;
        Ok(vec![EmailChanged { user: 7 }])
    }
}

#[test]
fn a_decision_that_names_a_renamed_kind_sees_its_whole_past() {
    let store = Store::in_memory();
    let old = NewEvent::json("EmailUpdated", r#"{"user":7}"#).tag("user:7");
    wait(store.append(Append::without_stream().event(old))).expect("it is stored");
    let outcome = wait(store.decide(&ChangeOnce));
    assert_eq!(outcome.expect_err("it happened").refused(), Some(&"changed before"));
}
