//! A variant with one unnamed field stands for all events of another enum.

use hitherto::{Event, Tag};

#[derive(Event, Debug, PartialEq)]
enum AccountEvent {
    #[event(was = "AccountCreated")]
    AccountOpened {
        #[tag]
        number: String,
    },
    AccountClosed,
}

#[derive(Event, Debug, PartialEq)]
#[event(validate = positive)]
enum TransferEvent {
    TransferRequested { amount: i64 },
}

fn positive(event: &TransferEvent) -> Result<(), &'static str> {
    let TransferEvent::TransferRequested { amount } = event;
    if *amount > 0 { Ok(()) } else { Err("a transfer moves a positive amount") }
}

#[derive(Event, Debug, PartialEq)]
#[event(validate = BankEvent::on_a_weekday)]
enum BankEvent {
    Account(AccountEvent),
    Transfer(TransferEvent),
    DayEnded { day: u8 },
}

impl BankEvent {
    fn on_a_weekday(&self) -> Result<(), String> {
        match self {
            Self::DayEnded { day } if *day > 5 => Err(format!("day {day} is no weekday")),
            _ => Ok(()),
        }
    }
}

fn opened() -> BankEvent {
    BankEvent::Account(AccountEvent::AccountOpened { number: "ACC-001".into() })
}

#[test]
fn it_has_the_kinds_of_all_its_parts() {
    let mut names = BankEvent::kinds().iter().map(|kind| kind.name).collect::<Vec<_>>();
    names.sort_unstable();
    assert_eq!(names, ["AccountClosed", "AccountOpened", "DayEnded", "TransferRequested"]);
}

#[test]
fn an_event_is_stored_as_its_part_stores_it() {
    assert_eq!(opened().kind().name, "AccountOpened");
    assert_eq!(opened().encode().unwrap(), br#"{"number":"ACC-001"}"#);
    assert_eq!(opened().tags(), [Tag::new("number", "ACC-001")]);
}

#[test]
fn an_event_of_a_part_is_read_as_a_variant() {
    let payload = br#"{"number":"ACC-001"}"#;
    assert_eq!(BankEvent::decode("AccountOpened", 1, payload).unwrap(), opened());
    assert_eq!(BankEvent::decode("AccountCreated", 1, payload).unwrap(), opened());
    let day = BankEvent::decode("DayEnded", 1, br#"{"day":3}"#).unwrap();
    assert_eq!(day, BankEvent::DayEnded { day: 3 });
    assert!(BankEvent::decode("LoanGranted", 1, b"{}").is_err());
}

#[test]
fn the_rules_of_the_parts_and_of_the_union_are_both_asked() {
    let transfer = |amount| BankEvent::Transfer(TransferEvent::TransferRequested { amount });
    assert_eq!(transfer(5).validate(), Ok(()));
    assert_eq!(transfer(0).validate(), Err("a transfer moves a positive amount".into()));
    assert_eq!(BankEvent::DayEnded { day: 6 }.validate(), Err("day 6 is no weekday".into()));
    assert_eq!(opened().validate(), Ok(()));
}
