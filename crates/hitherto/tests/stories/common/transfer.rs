//! A transfer between two accounts, and the process that carries it to its end.

use std::time::Duration;

use hitherto::{
    Aggregate, Delivery, Event, Outcome, Process, Repository, Root, Store, ensure, wait,
};

use super::{BankAccount, Refused};

#[derive(Event, Clone, Debug, PartialEq)]
pub enum TransferEvent {
    TransferRequested { from: String, to: String, amount: u64 },
    MoneyTaken,
    TransferDeclined,
    TransferCompleted,
    TransferTimedOut,
}
pub use TransferEvent::*;

#[derive(Debug, PartialEq)]
pub struct NotNow;

#[derive(Clone, Debug, Default, PartialEq)]
pub enum State {
    #[default]
    Unknown,
    Requested,
    Taken,
    Declined,
    Completed,
}

#[derive(Default)]
pub struct Transfer {
    root: Root<TransferEvent>,
    pub to: String,
    pub amount: u64,
    pub state: State,
    pub is_late: bool,
}

impl Aggregate for Transfer {
    const CATEGORY: &'static str = "transfer";
    type Id = String;
    type Event = TransferEvent;
    type Error = NotNow;

    fn root(&mut self) -> &mut Root<TransferEvent> {
        &mut self.root
    }

    fn apply(&mut self, event: &TransferEvent) {
        match event {
            TransferRequested { to, amount, .. } => {
                (self.to, self.amount, self.state) = (to.clone(), *amount, State::Requested);
            }
            MoneyTaken => self.state = State::Taken,
            TransferDeclined => self.state = State::Declined,
            TransferCompleted => self.state = State::Completed,
            TransferTimedOut => self.is_late = true,
        }
    }
}

impl Transfer {
    pub fn request(&mut self, from: &str, to: &str, amount: u64) -> Result<(), NotNow> {
        ensure(self.state == State::Unknown, NotNow)?;
        self.raise(TransferRequested { from: from.into(), to: to.into(), amount })
    }

    pub fn money_taken(&mut self) -> Result<(), NotNow> {
        ensure(self.state == State::Requested, NotNow)?;
        self.raise(MoneyTaken)
    }

    pub fn decline(&mut self) -> Result<(), NotNow> {
        ensure(self.state == State::Requested, NotNow)?;
        self.raise(TransferDeclined)
    }

    pub fn complete(&mut self) -> Result<(), NotNow> {
        ensure(self.state == State::Taken, NotNow)?;
        self.raise(TransferCompleted)
    }
}

/// Carries transfers to their ends.
pub struct TransferMoney {
    pub accounts: Repository<BankAccount>,
    pub transfers: Repository<Transfer>,
}

impl TransferMoney {
    pub fn new(store: &Store) -> Self {
        Self { accounts: Repository::new(store), transfers: Repository::new(store) }
    }
}

impl Process for TransferMoney {
    const NAME: &'static str = "transfer-money";
    type Event = TransferEvent;

    async fn react(&self, event: &Delivery<TransferEvent>) -> hitherto::Result<()> {
        let transfer = event.stream_id();
        let accounts = self.accounts.because(event);
        let transfers = self.transfers.because(event);
        match &event.data {
            TransferRequested { from, amount, .. } => {
                let taken = accounts.update(from, |account| account.withdraw(*amount)).await;
                match taken.refusal()? {
                    None => transfers.update(transfer, Transfer::money_taken).await.must()?,
                    Some(_) => transfers.update(transfer, Transfer::decline).await.must()?,
                };
            }
            MoneyTaken => {
                let Transfer { to, amount, .. } = self.transfers.load(transfer).await?;
                accounts.update(&to, |account| account.deposit(amount)).await.must()?;
                transfers.update(transfer, Transfer::complete).await.must()?;
            }
            TransferDeclined | TransferCompleted | TransferTimedOut => {}
        }
        Ok(())
    }
}

/// Account `a` with 100 and `b` with nothing.
pub fn open_accounts(store: &Store) -> Repository<BankAccount> {
    let accounts = Repository::<BankAccount>::new(store);
    for (number, initial) in [("a", 100), ("b", 0)] {
        let opened = wait(accounts.update(number, |account| account.open(number, initial)));
        assert_ne!(opened.refusal().expect("the store works"), Some(Refused::InsufficientFunds));
    }
    accounts
}

pub fn request(store: &Store, id: &str, amount: u64) -> hitherto::Position {
    let transfers = Repository::<Transfer>::new(store);
    let requested = wait(transfers.update(id, |transfer| transfer.request("a", "b", amount)));
    requested.must().expect("the store works").position
}

pub fn state(store: &Store, id: &str) -> State {
    wait(Repository::<Transfer>::new(store).load(id)).expect("it loads").state
}

/// Next to no pause between attempts.
pub fn quick() -> hitherto::runner::Retry {
    let pause = Duration::from_micros(50);
    hitherto::runner::Retry { attempts: 2, first_pause: pause, longest_pause: pause }
}
