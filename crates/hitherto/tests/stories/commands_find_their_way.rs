//! Commands reach whom they are for; what does not make sense is told, and leaves no trace.

use std::sync::{Arc, Mutex};

use crate::common::teller::{Deposit, balance, deposit, teller, withdraw};
use crate::common::*;
use hitherto::command::{Answering, Envelope, Middleware, Next, Refusal};
use hitherto::{
    Command, Commands, Decision, Error, ErrorKind, Event, Outcome, Query, Repository, Saved, Store,
    UpdateError, ensure, wait,
};
use serde::{Deserialize, Serialize};

fn invalid<R: std::fmt::Debug>(answer: Result<Saved, UpdateError<R>>) -> String {
    let Err(UpdateError::Store(error)) = answer else { panic!("{answer:?}") };
    assert_eq!(error.kind(), ErrorKind::Invalid);
    error.to_string()
}

#[test]
fn a_typed_command_reaches_its_aggregate_and_is_refused_in_its_type() {
    let (commands, accounts) = teller(&Store::in_memory());
    wait(commands.send(deposit("b", 500))).expect("it is open");
    let refused = wait(commands.send(withdraw("b", 501)));
    assert_eq!(refused.refusal().expect("memory works"), Some(InsufficientFunds));
    assert_eq!(balance(&accounts, "b"), 500);
}

#[test]
fn a_command_from_outside_is_json_and_is_refused_in_words() {
    let (commands, accounts) = teller(&Store::in_memory());
    let json = br#"{"account":"b","amount":500}"#;
    wait(commands.send_json("Deposit", json).key("k")).expect("it is open");
    wait(commands.send(deposit("b", 500)).key("k")).expect("it is the same command");
    assert_eq!(balance(&accounts, "b"), 500);
    let json = br#"{"account":"b","amount":501}"#;
    let refused = wait(commands.send_json("Withdraw", json)).refusal();
    assert_eq!(refused.expect("memory works").as_deref(), Some("InsufficientFunds"));
}

#[test]
fn bad_commands_are_told_by_name_and_leave_no_trace() {
    let store = Store::in_memory();
    let (commands, accounts) = teller(&store);
    let before = wait(store.head()).expect("memory works");

    let unknown = wait(commands.send_json("Rob", b"{}").key("k"));
    assert!(invalid(unknown).contains(r#"no command is called "Rob""#));
    let stranger = Commands::new(&store);
    let unknown = wait(stranger.send(deposit("b", 1)).key("k"));
    assert!(invalid(unknown).contains(r#"no command is called "Deposit""#));
    let unreadable = wait(commands.send_json("Deposit", br#"{"amount":5}"#));
    assert!(invalid(unreadable).contains("this is no Deposit"));
    let senseless = wait(commands.send(deposit("b", 0)).key("k"));
    assert!(invalid(senseless).contains("an amount of 0 moves nothing"));
    let nobody = wait(commands.send(deposit("", 1)).key("k"));
    assert!(invalid(nobody).contains("the id of this account is empty"));

    assert_eq!(wait(store.head()).expect("memory works"), before);
    wait(commands.send(deposit("b", 1)).key("k")).expect("the key was not used up");
    assert_eq!(balance(&accounts, "b"), 1);
}

#[test]
fn whatever_comes_as_json_is_a_command_or_told_and_leaves_no_trace() {
    let store = Store::in_memory();
    let (commands, _) = teller(&store);
    let before = wait(store.head()).expect("memory works");
    let nested = |open: &str, close: &str| open.repeat(200_000) + &close.repeat(200_000);
    let long = "x".repeat(20 << 20);
    for json in [
        String::new(),
        "null".into(),
        "[]".into(),
        "{".into(),
        r#"{"account":"b","amount":1}{}"#.into(),
        r#"{"account":"b","amount":-1}"#.into(),
        r#"{"account":"b","amount":1e400}"#.into(),
        r#"{"account":"b","amount":18446744073709551616}"#.into(),
        r#"{"account":"b","account":"c","amount":1}"#.into(),
        r#"{"account":"\ud800","amount":1}"#.into(),
        nested("[", "]"),
        format!(r#"{{"account":"b","amount":1,"more":{}}}"#, nested(r#"{"a":"#, "}")),
        format!(r#"{{"account":"{long}","amount":1}}"#),
        format!(r#"{{"account":"b","amount":"{long}"}}"#),
    ] {
        let told = invalid(wait(commands.send_json("Deposit", json.as_bytes()).key("k")));
        assert!(told.len() < 1_000, "{} bytes are told", told.len());
    }
    invalid(wait(commands.send_json("Deposit", b"{\"account\":\"\xff\",\"amount\":1}").key("k")));
    let told = invalid(wait(commands.send_json(&long, b"{}")));
    assert!(told.len() < 1_000, "{} bytes are told", told.len());
    assert_eq!(wait(store.head()).expect("memory works"), before);
    let key = commands.send_json("Deposit", br#"{"account":"b","amount":1}"#).key(long.clone());
    wait(key).expect("a key may be of any length");
}

#[test]
#[should_panic(expected = "two commands are called Deposit")]
fn two_commands_of_one_name_are_noticed_when_the_program_starts() {
    let store = Store::in_memory();
    let (commands, accounts) = teller(&store);
    let deposit = |account: &mut BankAccount, c: &Deposit| account.deposit(c.amount);
    let _ = commands.update(&accounts, |c: &Deposit| &c.account, deposit);
}

/// A command with a name that another one has.
#[derive(Serialize, Deserialize)]
struct OtherDeposit {}

impl Command for OtherDeposit {
    const NAME: &'static str = "Deposit";
    type Refusal = Refused;
}

#[test]
fn another_type_of_the_same_name_is_not_taken_for_it() {
    let (commands, _) = teller(&Store::in_memory());
    let answer = wait(commands.send(OtherDeposit {}));
    assert!(invalid(answer).contains("two types of commands are called Deposit"));
}

/// Writes down when it is passed, in and out.
struct Telling {
    name: &'static str,
    told: Arc<Mutex<Vec<String>>>,
}

impl Telling {
    fn tell(&self, what: &str) {
        self.told.lock().expect("nobody panicked").push(format!("{} {what}", self.name));
    }
}

impl Middleware for Telling {
    fn handle<'a>(&'a self, command: &'a Envelope, next: Next<'a>) -> Answering<'a> {
        Box::pin(async move {
            self.tell(command.name());
            let answer = next.run().await;
            self.tell(if answer.is_ok() { "is done" } else { "is not done" });
            answer
        })
    }
}

#[test]
fn middleware_stands_around_in_the_order_in_which_it_was_put() {
    let told = Arc::default();
    let telling = |name| Telling { name, told: Arc::clone(&told) };
    let (commands, _) = teller(&Store::in_memory());
    let commands = commands.around(telling("outer")).around(telling("inner"));
    wait(commands.send(deposit("a", 5))).expect("it is open");
    let expected = ["outer Deposit", "inner Deposit", "inner is done", "outer is done"];
    assert_eq!(*told.lock().expect("nobody panicked"), expected);
    assert!(wait(commands.send(deposit("a", 0))).is_err());
    assert_eq!(
        told.lock().expect("nobody panicked").len(),
        4,
        "what is not valid is not passed on"
    );
}

/// Refuses large amounts as the account would, and errs about notes.
fn guard<'a>(command: &'a Envelope, next: Next<'a>) -> Answering<'a> {
    Box::pin(async move {
        match command.command::<Deposit>() {
            Some(deposit) if deposit.amount > 1_000 => {
                Err(UpdateError::Refused(Refusal::new(NotOpen)))
            }
            Some(deposit) if deposit.note == "other" => {
                Err(UpdateError::Refused(Refusal::new("in another type")))
            }
            Some(deposit) if !deposit.note.is_empty() => {
                Err(Error::invalid("no notes, please").into())
            }
            _ => next.run().await,
        }
    })
}

#[test]
fn middleware_may_answer_itself_and_then_nothing_is_done() {
    let store = Store::in_memory();
    let (commands, _) = teller(&store);
    let commands = commands.around(guard);
    let before = wait(store.head()).expect("memory works");
    let refused = wait(commands.send(deposit("a", 1_001)));
    assert_eq!(refused.refusal().expect("memory works"), Some(NotOpen));
    let noted = |note: &str| Deposit { note: note.into(), ..deposit("a", 1) };
    assert_eq!(invalid(wait(commands.send(noted("hello")))), "no notes, please");
    let other = invalid(wait(commands.send(noted("other"))));
    assert!(other.contains("refused by a middleware, in a type that is not the command's"));
    assert_eq!(wait(store.head()).expect("memory works"), before);
}

#[derive(Event, Debug, PartialEq)]
enum SeatEvent {
    SeatTaken {
        #[tag]
        seat: String,
        by: String,
    },
}

#[derive(Debug, PartialEq)]
struct Taken;

#[derive(Serialize, Deserialize)]
struct TakeSeat {
    seat: String,
    by: String,
}

impl Command for TakeSeat {
    const NAME: &'static str = "TakeSeat";
    type Refusal = Taken;
}

impl Decision for TakeSeat {
    type Event = SeatEvent;
    type State = bool;
    type Error = Taken;

    fn query(&self) -> Query {
        Query::tag("seat", &self.seat)
    }

    fn apply(&self, is_taken: &mut bool, _: &SeatEvent) {
        *is_taken = true;
    }

    fn decide(&self, is_taken: &bool) -> Result<Vec<SeatEvent>, Taken> {
        ensure(!is_taken, Taken)?;
        Ok(vec![SeatEvent::SeatTaken { seat: self.seat.clone(), by: self.by.clone() }])
    }
}

#[test]
fn a_decision_is_a_command_too_and_has_one_answer() {
    let store = Store::in_memory();
    let commands = Commands::new(&store).decide::<TakeSeat>();
    let take = |by: &str, key: &str| {
        let seat = TakeSeat { seat: "12A".into(), by: by.into() };
        wait(commands.send(seat).key(key)).refusal().expect("memory works")
    };
    assert_eq!((take("ann", "1"), take("ben", "2")), (None, Some(Taken)));
    assert_eq!((take("ann", "1"), take("ben", "2")), (None, Some(Taken)), "as before");
    assert_eq!(store.read_as::<SeatEvent>(Query::all()).count(), 1);
    assert_eq!(commands.names(), ["TakeSeat"]);
}

#[test]
fn a_command_that_a_reaction_sends_has_the_event_as_its_key() {
    let store = Store::in_memory();
    let (commands, accounts): (_, Repository<BankAccount>) = teller(&store);
    let opened = store.read(Query::stream("account-a")).next().expect("one").expect("sound");
    for _ in 0..2 {
        let sent = commands.send(deposit("b", 10)).because(&opened);
        wait(sent).expect("it is open");
    }
    assert_eq!(balance(&accounts, "b"), 10);
    let bonus = store.read(Query::stream("account-b")).last().expect("two").expect("sound");
    assert_eq!(bonus.causation(), Some(opened.id()));
}
