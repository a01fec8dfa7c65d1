//! However often a command is sent with its key, it happens once and has one answer: the first.

use crate::common::flaky::{Fault, FlakyStore};
use crate::common::teller::{Withdraw, balance, deposit, teller, withdraw};
use crate::common::*;
use hitherto::{ErrorKind, EventId, Outcome, Position, Query, Saved, Store, UpdateError, wait};

type Answer = Result<Saved, UpdateError<Refused>>;

fn head(store: &Store) -> Position {
    wait(store.head()).expect("memory works")
}

fn invalid(answer: Answer) -> String {
    let Err(UpdateError::Store(error)) = answer else { panic!("{answer:?}") };
    assert_eq!(error.kind(), ErrorKind::Invalid);
    error.to_string()
}

#[test]
fn what_was_done_is_answered_as_then_and_not_done_again() {
    let store = Store::in_memory();
    let (commands, accounts) = teller(&store);
    let send = || wait(commands.send(withdraw("a", 60)).key("order-7"));
    let first = send().expect("it has 100");
    wait(commands.send(deposit("a", 1_000))).expect("it is open");
    let again = send().expect("it was done");
    assert!(again.repeated && !first.repeated);
    assert_eq!((again.position, again.version), (first.position, first.version));
    assert_eq!(balance(&accounts, "a"), 1_040);
}

#[test]
fn what_was_refused_is_refused_as_then_though_it_could_be_done_now() {
    let store = Store::in_memory();
    let (commands, accounts) = teller(&store);
    let send = || wait(commands.send(withdraw("b", 60)).key("order-7"));
    assert_eq!(send().refusal().expect("memory works"), Some(InsufficientFunds));
    wait(commands.send(deposit("b", 1_000))).expect("it is open");
    assert_eq!(send().refusal().expect("memory works"), Some(InsufficientFunds));
    assert_eq!(balance(&accounts, "b"), 1_000);
    wait(commands.send(withdraw("b", 60)).key("order-8")).expect("asked anew");
}

#[test]
fn the_first_answer_comes_from_the_store_also_after_a_restart() {
    let directory = tempfile::tempdir().expect("there is room");
    let path = directory.path().join("bank.hitherto");
    let mut answers = Vec::new();
    for _ in 0..3 {
        let store = Store::open(&path).expect("it opens");
        let (commands, accounts) = teller(&store);
        let done = wait(commands.send(withdraw("a", 60)).key("order-7"));
        let refused = wait(commands.send(withdraw("b", 60)).key("order-8"));
        assert_eq!(refused.refusal().expect("the disk works"), Some(InsufficientFunds));
        answers.push((done.expect("it has 100").position, head(&store)));
        assert_eq!(balance(&accounts, "a"), 40);
    }
    assert_eq!(answers[1], answers[0]);
    assert_eq!(answers[2], answers[0]);
}

#[test]
fn a_key_that_was_used_for_another_content_is_an_error_without_a_trace() {
    let store = Store::in_memory();
    let (commands, accounts) = teller(&store);
    wait(commands.send(withdraw("a", 60)).key("order-7")).expect("it has 100");
    let before = head(&store);
    let other_amount = wait(commands.send(withdraw("a", 10)).key("order-7"));
    assert!(invalid(other_amount).contains("this idempotency key was used"));
    let other_account = wait(commands.send(withdraw("b", 60)).key("order-7"));
    assert!(invalid(other_account).contains("this idempotency key was used"));
    let other_command = wait(commands.send(deposit("b", 60)).key("order-7"));
    assert!(invalid(other_command).contains("this idempotency key was used"));
    assert_eq!(head(&store), before);
    assert_eq!((balance(&accounts, "a"), balance(&accounts, "b")), (40, 0));
}

#[test]
fn a_key_whose_command_was_refused_is_used_as_well() {
    let store = Store::in_memory();
    let (commands, _) = teller(&store);
    assert!(wait(commands.send(withdraw("b", 60)).key("order-7")).is_err());
    let before = head(&store);
    let other = wait(commands.send(withdraw("a", 60)).key("order-7"));
    assert!(invalid(other).contains("this idempotency key was used"));
    assert_eq!(head(&store), before);
}

#[test]
fn without_a_key_a_command_is_sent_as_often_as_it_is_sent() {
    let store = Store::in_memory();
    let (commands, accounts) = teller(&store);
    for _ in 0..2 {
        wait(commands.send(withdraw("a", 30))).expect("it has 100");
    }
    assert_eq!(balance(&accounts, "a"), 40);
}

#[test]
fn an_empty_key_is_refused_as_it_is_surely_a_mistake() {
    let store = Store::in_memory();
    let (commands, _) = teller(&store);
    let before = head(&store);
    let answer = wait(commands.send(withdraw("a", 30)).key(""));
    assert!(invalid(answer).contains("the idempotency key is empty"));
    assert_eq!(head(&store), before);
}

#[test]
fn a_repetition_with_another_correlation_is_the_same_command() {
    let store = Store::in_memory();
    let (commands, accounts) = teller(&store);
    for _ in 0..2 {
        let sent = commands.send(withdraw("a", 60)).key("order-7").correlation(EventId::new());
        wait(sent).expect("it has 100");
    }
    assert_eq!(balance(&accounts, "a"), 40);
}

#[test]
fn an_answer_that_was_lost_is_looked_up() {
    let flaky = FlakyStore::new();
    let (commands, accounts) = teller(&Store::on(flaky.clone()));
    flaky.plan([Fault::AnswerLost]);
    let sent = wait(commands.send(withdraw("a", 60)).key("order-7"));
    assert!(sent.expect("it was written").repeated);
    assert_eq!(balance(&accounts, "a"), 40);
}

#[test]
fn a_failure_leaves_the_key_free_for_the_next_try() {
    let flaky = FlakyStore::new();
    let (commands, accounts) = teller(&Store::on(flaky.clone()));
    flaky.plan([Fault::NotWritten]);
    let send = || wait(commands.send(withdraw("a", 60)).key("order-7"));
    assert!(matches!(send(), Err(UpdateError::Store(_))));
    assert!(!send().expect("it was not written").repeated);
    assert_eq!(balance(&accounts, "a"), 40);
}

#[test]
fn of_two_contents_at_once_under_one_key_the_later_is_told() {
    let flaky = FlakyStore::new();
    let (commands, accounts) = teller(&Store::on(flaky.clone()));
    flaky.plan([Fault::Somebody(Box::new(|store| {
        let (commands, _) = teller(&Store::on(store.clone()));
        let sent = wait(commands.send(withdraw("a", 10)).key("order-7"));
        sent.expect("it has 100");
    }))]);
    let late = wait(commands.send(withdraw("a", 60)).key("order-7"));
    assert!(invalid(late).contains("this idempotency key was used"));
    assert_eq!(balance(&accounts, "a"), 90);
}

#[test]
fn of_many_threads_with_one_key_one_does_it_and_all_are_answered_alike() {
    let store = Store::in_memory();
    let (commands, accounts) = teller(&store);
    let send = |_| {
        let sent = commands.send(withdraw("a", 60)).key("order-7");
        wait(sent).expect("it has 100").position
    };
    let positions: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || send(n))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it answers")).collect()
    });
    assert!(positions.iter().all(|position| *position == positions[0]), "{positions:?}");
    assert_eq!(balance(&accounts, "a"), 40);
}

#[test]
fn what_happens_names_the_command_as_its_cause_and_its_story() {
    let store = Store::in_memory();
    let (commands, _) = teller(&store);
    let request = EventId::new();
    let sent: Withdraw = withdraw("a", 60);
    wait(commands.send(sent).key("order-7").correlation(request)).expect("it has 100");
    let event = store.read(Query::of_kinds(["MoneyWithdrawn"])).next().expect("one").expect("well");
    assert_eq!(event.correlation(), Some(request));
    assert!(event.causation().is_some());
}
