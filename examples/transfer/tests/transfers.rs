//! Transfers with the testing kit, and deadlines with a clock that is set by hand.

use hitherto::checkpoints::Checkpoints;
use hitherto::testing::{Given as _, check_handlers, check_replay, check_snapshots};
use hitherto::{
    EmbeddedStore, MemoryDisk, Options, Outcome as _, Processor, Reminders, Store, wait,
};
use hitherto_example_time_travel::Calendar;
use hitherto_example_transfer::TransferEvent::{
    ApprovalOverdue, MoneyReturned, MoneyTaken, TransferApproved, TransferCompleted,
    TransferDeclined, TransferRequested,
};
use hitherto_example_transfer::{
    Bank, NotNow, RequestTransfer, Stage, Transfer, TransferEvent, TransferMoney,
};

fn requested(amount: u64) -> TransferEvent {
    TransferRequested { from: "ANN".into(), to: "BEN".into(), amount }
}

fn taken(amount: u64) -> TransferEvent {
    MoneyTaken { from: "ANN".into(), to: "BEN".into(), amount }
}

// region: kit
#[test]
fn a_transfer_is_completed_after_its_money_was_taken_and_not_before() {
    Transfer::given([requested(500), taken(500)])
        .when(Transfer::complete)
        .then([TransferCompleted]);
    Transfer::given([requested(500)]).when(Transfer::complete).refused(NotNow(Stage::Requested));
}
// endregion: kit

#[test]
fn what_was_declined_is_not_taken() {
    let declined = TransferDeclined { reason: "InsufficientFunds".into() };
    Transfer::given([requested(500), declined])
        .when(Transfer::money_taken)
        .refused(NotNow(Stage::Declined));
}

#[test]
fn a_large_transfer_waits_for_its_approval() {
    Transfer::given([requested(100_000)])
        .when(Transfer::money_taken)
        .refused(NotNow(Stage::ToBeApproved));
    Transfer::given([requested(100_000), TransferApproved])
        .when(Transfer::money_taken)
        .then([taken(100_000)]);
    Transfer::given([requested(100_000), TransferApproved, ApprovalOverdue])
        .when(Transfer::give_up)
        .refused(NotNow(Stage::Requested));
}

#[test]
fn every_event_is_replayed_to_the_same_state() {
    let declined = TransferDeclined { reason: "InsufficientFunds".into() };
    let returned = MoneyReturned { reason: "NotOpen".into() };
    let story = [
        requested(100_000),
        ApprovalOverdue,
        TransferApproved,
        declined,
        taken(100_000),
        TransferCompleted,
        returned,
    ];
    check_replay::<Transfer>(story.clone());
    check_snapshots::<Transfer>(story.clone());
    check_handlers::<Transfer>(story, |event, transfer| {
        let expected = match event {
            TransferRequested { .. } | ApprovalOverdue => Stage::ToBeApproved,
            TransferApproved => Stage::Requested,
            TransferDeclined { .. } => Stage::Declined,
            MoneyTaken { .. } => Stage::Taken,
            TransferCompleted => Stage::Completed,
            MoneyReturned { .. } => Stage::Returned,
        };
        assert_eq!(transfer.stage, expected);
    });
}

/// A bank whose clock is set by hand, with 5,000.00 on one account.
fn bank(calendar: &Calendar) -> (Bank, Processor) {
    let disk = MemoryDisk::default();
    let store = EmbeddedStore::on(disk, calendar.clone(), Options::default());
    let store = Store::on(store.expect("memory can be opened"));
    let bank = Bank::on(&store);
    bank.open("ANN", 500_000).expect("memory works");
    bank.open("BEN", 0).expect("memory works");
    let process = Processor::start(&store, &Checkpoints::in_memory(), TransferMoney::new(&store));
    (bank, wait(process).expect("it starts"))
}

// region: deadline
#[test]
fn a_large_transfer_that_nobody_approves_is_declined_after_two_days() {
    let calendar = Calendar::at("2026-01-02T09:00:00Z");
    let (bank, process) = bank(&calendar);
    let mut reminders = Reminders::new(&bank.store).clock(calendar.clone());
    bank.request("T-1", "ANN", "BEN", 200_000).expect("memory works");
    bank.settle(&process).expect("it runs");

    calendar.set("2026-01-04T08:59:59Z");
    assert_eq!(wait(reminders.give_due()).expect("memory works"), 0);
    calendar.set("2026-01-04T09:00:00Z");
    assert_eq!(wait(reminders.give_due()).expect("memory works"), 1);
    bank.settle(&process).expect("it runs");
    assert_eq!(bank.stage("T-1").expect("it loads"), Stage::Declined);
    assert_eq!(bank.balance("ANN").expect("it loads"), 500_000);
}
// endregion: deadline

#[test]
fn one_that_was_approved_in_time_is_made_and_the_deadline_changes_nothing() {
    let calendar = Calendar::at("2026-01-02T09:00:00Z");
    let (bank, process) = bank(&calendar);
    bank.request("T-1", "ANN", "BEN", 200_000).expect("memory works");
    bank.settle(&process).expect("it runs");
    bank.approve("T-1").expect("it waits for that");
    bank.settle(&process).expect("it runs");
    calendar.set("2026-02-01T09:00:00Z");
    let mut reminders = Reminders::new(&bank.store).clock(calendar);
    assert_eq!(wait(reminders.give_due()).expect("memory works"), 1);
    bank.settle(&process).expect("it runs");
    assert_eq!(bank.stage("T-1").expect("it loads"), Stage::Completed);
    assert_eq!(bank.balance("BEN").expect("it loads"), 200_000);
    assert_eq!(process.status().parked, 0);
}

#[test]
fn a_request_that_is_repeated_is_one_and_one_that_makes_no_sense_is_told() {
    let (bank, process) = bank(&Calendar::at("2026-01-02T09:00:00Z"));
    for _ in 0..3 {
        bank.request("T-1", "ANN", "BEN", 30_000).expect("memory works");
    }
    bank.settle(&process).expect("it runs");
    assert_eq!(bank.balance("BEN").expect("it loads"), 30_000);
    let other = bank.request("T-1", "ANN", "BEN", 40_000).expect_err("it is another one");
    assert!(other.to_string().contains("this idempotency key was used"), "{other}");
    let circle = bank.request("T-2", "ANN", "ANN", 1).expect_err("it is there");
    assert!(circle.to_string().contains("ANN is where the money is"), "{circle}");
    let request = RequestTransfer {
        transfer: "T-1".into(),
        from: "ANN".into(),
        to: "BEN".into(),
        amount: 30_000,
    };
    let again = wait(bank.commands.send(request)).refusal().expect("memory works");
    assert_eq!(again, Some(NotNow(Stage::Completed)), "without the key it is asked anew");
}
