//! What was stored once can always be read, as today's type.

use crate::common;

use common::{AccountEvent, BankAccount};
use hitherto::testing::check_history;
use hitherto::{Append, ErrorKind, Event, NewEvent, Query, Repository, Store, UpdateError, wait};
use serde::Deserialize;

#[derive(Event, Debug, PartialEq)]
enum UserEvent {
    #[event(version = 2, from(UserRegisteredV1))]
    UserRegistered { email: String, phone: String },
    #[event(was = "EmailUpdated")]
    EmailChanged {
        email: String,
        #[serde(default)]
        reason: Option<String>,
    },
}

/// A registration before anybody asked for phone numbers.
#[derive(Deserialize)]
struct UserRegisteredV1 {
    email: String,
}

impl From<UserRegisteredV1> for UserEvent {
    fn from(old: UserRegisteredV1) -> Self {
        Self::UserRegistered { email: old.email, phone: String::new() }
    }
}

#[test]
fn old_names_old_versions_and_missing_fields_all_come_out_as_today() {
    let store = Store::in_memory();
    let stored = [
        NewEvent::json("UserRegistered", r#"{"email":"a"}"#),
        NewEvent::json("UserRegistered", r#"{"email":"b","phone":"1"}"#).schema_version(2),
        NewEvent::json("EmailUpdated", r#"{"email":"c"}"#),
        NewEvent::json("SomethingElse", "{}"),
    ];
    wait(store.append(Append::to("user-1").events(stored))).expect("it is stored");
    let events = store.read_as::<UserEvent>(Query::stream("user-1"));
    let events: Vec<_> = events.map(|event| event.expect("it is known").data).collect();
    let registered = |email: &str, phone: &str| UserEvent::UserRegistered {
        email: email.into(),
        phone: phone.into(),
    };
    let changed = UserEvent::EmailChanged { email: "c".into(), reason: None };
    assert_eq!(events, [registered("a", ""), registered("b", "1"), changed]);
}

#[test]
fn an_unknown_kind_in_an_aggregates_stream_is_an_error_that_says_what_to_do() {
    let store = Store::in_memory();
    let unknown = NewEvent::json("AccountRenamed", "{}");
    wait(store.append(Append::to("account-a").event(unknown))).expect("it is stored");
    let error = wait(Repository::<BankAccount>::new(&store).load("a")).expect_err("it is unknown");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let text = error.to_string();
    assert!(text.contains("AccountRenamed") && text.contains("event 1"), "{text}");
}

#[test]
fn a_newer_version_than_this_program_knows_is_an_error_that_says_so() {
    let error = UserEvent::decode("UserRegistered", 3, b"{}").expect_err("it is newer");
    assert!(error.to_string().contains("versions 1 to 2"), "{error}");
}

#[test]
fn a_deprecated_kind_is_read_counted_and_not_appended() {
    let store = Store::in_memory();
    let opened = NewEvent::json("AccountOpened", r#"{"number":"a","initial_deposit":100}"#);
    let interest = NewEvent::json("InterestPaid", r#"{"amount":5}"#);
    wait(store.append(Append::to("account-a").events([opened, interest]))).expect("it is stored");
    let accounts = Repository::<BankAccount>::new(&store);
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 105);
    let counted = wait(store.count_deprecated::<AccountEvent>()).expect("it can be read");
    assert_eq!(counted, [("InterestPaid", 1)]);
    let error = wait(accounts.update("a", |account| {
        hitherto::Aggregate::raise(account, common::InterestPaid { amount: 1 })
    }));
    let UpdateError::Store(error) = error.expect_err("it is deprecated") else {
        panic!("no refusal")
    };
    assert!(error.to_string().contains("interest is a deposit now"), "{error}");
}

#[test]
fn samples_of_every_version_are_kept_loading() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let write = |name: &str, json: &str| {
        std::fs::write(folder.path().join(name), json).expect("it is written");
    };
    write("UserRegistered.v1.json", r#"{"email":"a"}"#);
    write("UserRegistered.v2.json", r#"{"email":"a","phone":"1"}"#);
    write("EmailChanged.v1.json", r#"{"email":"a"}"#);
    write("EmailUpdated.v1.json", r#"{"email":"a"}"#);
    check_history::<UserEvent>(folder.path(), []);
}

#[test]
#[should_panic(expected = "EmailUpdated.v1.json")]
fn a_missing_sample_fails_the_check() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    check_history::<UserEvent>(folder.path(), []);
}

#[test]
#[should_panic(expected = "cannot be read any more")]
fn a_sample_that_does_not_load_fails_the_check() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("UserRegistered.v1.json");
    std::fs::write(path, r#"{"mail":"a"}"#).expect("it is written");
    check_history::<UserEvent>(folder.path(), []);
}

fn folder_with(samples: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for (name, json) in samples {
        std::fs::write(folder.path().join(name), json).expect("it is written");
    }
    folder
}

#[derive(Event, Debug, PartialEq)]
enum ShelfEvent {
    #[event(was = "BookLent", version = 2, from(LentV1))]
    BookTaken { title: String, days: u32 },
}

#[derive(Deserialize)]
struct LentV1 {
    title: String,
}

impl From<LentV1> for ShelfEvent {
    fn from(old: LentV1) -> Self {
        Self::BookTaken { title: old.title, days: 30 }
    }
}

#[test]
fn an_older_name_needs_a_sample_of_the_version_that_it_had() {
    let folder = folder_with(&[
        ("BookTaken.v1.json", r#"{"title":"a"}"#),
        ("BookTaken.v2.json", r#"{"title":"a","days":7}"#),
        ("BookLent.v2.json", r#"{"title":"a","days":7}"#),
    ]);
    check_history::<ShelfEvent>(folder.path(), []);
}

#[test]
#[should_panic(expected = "BookReturned.v1.json cannot be read any more")]
fn a_kind_that_was_removed_is_missed_by_its_sample() {
    let folder = folder_with(&[("BookReturned.v1.json", "{}")]);
    check_history::<ShelfEvent>(folder.path(), []);
}

#[test]
#[should_panic(expected = "BookTaken.v1.json cannot be read any more")]
fn a_version_without_a_way_to_today_is_missed_by_its_sample() {
    let folder = folder_with(&[("BookTaken.v1.json", r#"{"name":"a"}"#)]);
    check_history::<ShelfEvent>(folder.path(), []);
}

#[test]
#[should_panic(expected = "name it Name.v1.json")]
fn a_file_that_is_no_sample_is_named() {
    let folder = folder_with(&[("notes.txt", "")]);
    check_history::<ShelfEvent>(folder.path(), []);
}

#[derive(Event)]
enum OneWay {
    Measured {
        #[serde(skip_serializing)]
        #[allow(dead_code, reason = "it is only read")]
        value: u32,
    },
}

#[test]
#[should_panic(expected = "Measured does not come back")]
fn a_sample_that_could_be_read_only_once_fails_the_check() {
    let folder = folder_with(&[("Measured.v1.json", r#"{"value":1}"#)]);
    check_history::<OneWay>(folder.path(), []);
}
