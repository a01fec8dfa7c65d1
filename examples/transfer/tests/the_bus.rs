//! Who else hears of transfers: subscribers in this process, and brokers outside.

use std::sync::{Arc, Mutex};

use hitherto::bus::{Message, Outlet, Undelivered};
use hitherto::checkpoints::Checkpoints;
use hitherto::{Bus, Processor, Query, Recorded, Result, Store, wait};
use hitherto_example_transfer::{Bank, TransferEvent, TransferMoney};

/// A bank in which 300.00 go from one account to another.
fn bank() -> Bank {
    let bank = Bank::on(&Store::in_memory());
    bank.open("ANN", 500_000).expect("memory works");
    bank.open("BEN", 0).expect("memory works");
    bank.request("T-1", "ANN", "BEN", 30_000).expect("memory works");
    let process = TransferMoney::new(&bank.store);
    let process = wait(Processor::start(&bank.store, &Checkpoints::in_memory(), process));
    bank.settle(&process.expect("it starts")).expect("it runs");
    bank
}

#[test]
fn subscribers_hear_what_they_subscribed_to() {
    wait(async {
        let bank = bank();
        let checkpoints = Checkpoints::in_memory();
        let told = Arc::new(Mutex::new(Vec::new()));
        let (by_kind, by_type) = (Arc::clone(&told), Arc::clone(&told));
        let head = bank.store.head().await?;

        // region: subscribe
        let bus = Bus::new(&bank.store, &checkpoints);
        let withdrawals = Query::category("account").kinds(["MoneyWithdrawn"]);
        let fraud = bus
            .subscribe("fraud", withdrawals, move |event| {
                by_kind.lock().expect("no panic").push(event.stream_id().to_owned());
                Ok(())
            })
            .await?;
        let mails = bus
            .subscribe_to("mails", Query::all(), move |event: &Recorded<TransferEvent>| {
                if event.data == TransferEvent::TransferCompleted {
                    by_type.lock().expect("no panic").push(event.stream_id().to_owned());
                }
                Ok(())
            })
            .await?;
        fraud.reached(head).await?;
        mails.reached(head).await?;
        // endregion: subscribe

        let mut told = told.lock().expect("no panic").clone();
        told.sort();
        assert_eq!(told, ["ANN", "T-1"]);
        Ok::<(), hitherto::Error>(())
    })
    .expect("memory works");
}

// region: outlet
/// What a broker has: its topics, a line for each message.
#[derive(Clone, Default)]
struct Broker(Arc<Mutex<Vec<String>>>);

impl Outlet for Broker {
    fn send(&mut self, messages: &[Message<'_>]) -> Result<(), Undelivered> {
        let mut lines = self.0.lock().expect("no panic");
        for message in messages {
            lines.push(format!("{} {}", message.key, message.event.kind()));
        }
        Ok(()) // the other side has them for good
    }
}
// endregion: outlet

#[test]
fn what_leaves_is_in_order_within_a_key() {
    wait(async {
        let bank = bank();
        let bus = Bus::new(&bank.store, &Checkpoints::in_memory());
        let head = bank.store.head().await?;
        let broker = Broker::default();

        // region: send
        let transfers = Query::category("transfer");
        let sending = bus.send_to("to-the-broker", transfers, broker.clone()).await?;
        sending.reached(head).await?;
        // endregion: send

        let lines = broker.0.lock().expect("no panic").join(", ");
        let expected =
            "transfer-T-1 TransferRequested, transfer-T-1 MoneyTaken, transfer-T-1 TransferCompleted";
        assert_eq!(lines, expected);
        Ok::<(), hitherto::Error>(())
    })
    .expect("memory works");
}
