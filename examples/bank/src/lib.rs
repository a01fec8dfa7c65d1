//! The bank account: what can happen to it, what follows from that, and what it refuses.

mod balances;
mod money;

use AccountEvent::{AccountClosed, AccountOpened, MoneyDeposited, MoneyWithdrawn};
use Refused::{AlreadyOpen, InsufficientFunds, NotOpen, NothingToMove, TooMuch};
use hitherto::{Aggregate, Event, Root, ensure};
use serde::{Deserialize, Serialize};

pub use balances::Balances;
pub use money::amount;

// region: events
/// What can happen to an account. Amounts are in cents.
#[derive(Event, Debug, Clone, PartialEq)]
#[event(validate = AccountEvent::moves_money)]
pub enum AccountEvent {
    /// The account exists from now on.
    AccountOpened {
        /// As printed on the card.
        number: String,
        /// In cents.
        initial_deposit: u64,
    },
    /// Money came in.
    MoneyDeposited {
        /// In cents.
        amount: u64,
    },
    /// Money went out.
    MoneyWithdrawn {
        /// In cents.
        amount: u64,
    },
    /// Nothing happens to the account any more.
    AccountClosed,
}
// endregion: events

// region: validate
impl AccountEvent {
    /// Asked before anything is stored, whoever raised the event.
    fn moves_money(&self) -> Result<(), String> {
        match self {
            MoneyDeposited { amount: 0 } | MoneyWithdrawn { amount: 0 } => {
                Err("a movement of 0.00 moves nothing: leave it out".into())
            }
            _ => Ok(()),
        }
    }
}
// endregion: validate

// region: refused
/// Why the bank says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// There is an account of this number already.
    AlreadyOpen,
    /// The account was never opened, or it is closed.
    NotOpen,
    /// There is less on it than was asked for.
    InsufficientFunds,
    /// An amount of nothing.
    NothingToMove,
    /// More than an account can hold.
    TooMuch,
}
// endregion: refused

// region: state
/// An account, as its events made it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct BankAccount {
    #[serde(skip)]
    root: Root<AccountEvent>,
    /// What is on it, in cents.
    pub balance: u64,
    /// Whether anything may happen to it.
    pub is_open: bool,
}
// endregion: state

// region: apply
impl Aggregate for BankAccount {
    const CATEGORY: &'static str = "account";
    type Id = String;
    type Event = AccountEvent;
    type Error = Refused;

    fn root(&mut self) -> &mut Root<AccountEvent> {
        &mut self.root
    }

    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountOpened { initial_deposit, .. } => {
                self.is_open = true;
                self.balance = *initial_deposit;
            }
            MoneyDeposited { amount } => self.balance += amount,
            MoneyWithdrawn { amount } => self.balance -= amount,
            AccountClosed => self.is_open = false,
        }
    }
}
// endregion: apply

// region: commands
impl BankAccount {
    /// Opens the account with a first deposit in cents, which may be 0.
    pub fn open(&mut self, number: &str, initial_deposit: u64) -> Result<(), Refused> {
        ensure(self.root.version() == 0, AlreadyOpen)?;
        self.raise(AccountOpened { number: number.into(), initial_deposit })
    }

    /// Puts an amount in cents on it.
    pub fn deposit(&mut self, amount: u64) -> Result<(), Refused> {
        ensure(self.is_open, NotOpen)?;
        ensure(amount > 0, NothingToMove)?;
        ensure(self.balance.checked_add(amount).is_some(), TooMuch)?;
        self.raise(MoneyDeposited { amount })
    }

    /// Takes an amount in cents from it.
    pub fn withdraw(&mut self, amount: u64) -> Result<(), Refused> {
        ensure(self.is_open, NotOpen)?;
        ensure(amount > 0, NothingToMove)?;
        ensure(self.balance >= amount, InsufficientFunds)?;
        self.raise(MoneyWithdrawn { amount })
    }

    /// Closes it for good.
    pub fn close(&mut self) -> Result<(), Refused> {
        ensure(self.is_open, NotOpen)?;
        self.raise(AccountClosed)
    }
}
// endregion: commands

#[cfg(test)]
mod tests {
    use super::*;
    use hitherto::testing::{Given as _, check_handlers, check_replay, check_snapshots};
    use hitherto::{ErrorKind, Outcome as _, Repository, Store, wait};

    fn opened(initial_deposit: u64) -> AccountEvent {
        AccountOpened { number: "ACC-001".into(), initial_deposit }
    }

    /// Something of everything that can happen.
    fn history() -> [AccountEvent; 4] {
        let (deposited, withdrawn) =
            (MoneyDeposited { amount: 500 }, MoneyWithdrawn { amount: 200 });
        [opened(1_000), deposited, withdrawn, AccountClosed]
    }

    // region: test-then
    #[test]
    fn a_withdrawal_takes_what_is_there() {
        BankAccount::given([opened(1_000), MoneyDeposited { amount: 500 }])
            .when(|account| account.withdraw(1_500))
            .then([MoneyWithdrawn { amount: 1_500 }]);
    }
    // endregion: test-then

    // region: test-refused
    #[test]
    fn a_withdrawal_of_more_than_is_there_is_refused() {
        BankAccount::given([opened(1_000)])
            .when(|account| account.withdraw(1_001))
            .refused(InsufficientFunds);
    }
    // endregion: test-refused

    #[test]
    fn an_account_is_opened_once() {
        BankAccount::given([]).when(|account| account.open("ACC-001", 0)).then([opened(0)]);
        BankAccount::given([opened(0)]).when(|account| account.open("B", 0)).refused(AlreadyOpen);
        BankAccount::given(history()).when(|account| account.open("B", 0)).refused(AlreadyOpen);
    }

    #[test]
    fn a_closed_account_refuses_everything() {
        BankAccount::given(history()).when(|account| account.deposit(1)).refused(NotOpen);
        BankAccount::given(history()).when(|account| account.withdraw(1)).refused(NotOpen);
        BankAccount::given(history()).when(BankAccount::close).refused(NotOpen);
    }

    #[test]
    fn an_amount_of_nothing_or_too_much_is_refused() {
        BankAccount::given([opened(1)]).when(|account| account.deposit(0)).refused(NothingToMove);
        BankAccount::given([opened(1)]).when(|account| account.withdraw(0)).refused(NothingToMove);
        BankAccount::given([opened(1)]).when(|account| account.deposit(u64::MAX)).refused(TooMuch);
    }

    // region: test-apply
    #[test]
    fn each_event_changes_the_account_as_it_says() {
        check_handlers::<BankAccount>(history(), |event, account| match event {
            AccountOpened { .. } => assert!(account.is_open && account.balance == 1_000),
            MoneyDeposited { .. } => assert_eq!(account.balance, 1_500),
            MoneyWithdrawn { .. } => assert_eq!(account.balance, 1_300),
            AccountClosed => assert!(!account.is_open),
        });
    }
    // endregion: test-apply

    // region: test-replay
    #[test]
    fn the_same_history_gives_the_same_account() {
        check_replay::<BankAccount>(history());
    }
    // endregion: test-replay

    // region: test-snapshots
    #[test]
    fn a_snapshot_and_the_rest_give_the_same_account() {
        check_snapshots::<BankAccount>(history());
    }
    // endregion: test-snapshots

    // region: test-integration
    #[test]
    fn what_was_saved_is_loaded_again() {
        wait(async {
            let accounts = Repository::<BankAccount>::new(&Store::in_memory());
            accounts.update("ACC-001", |account| account.open("ACC-001", 1_000)).await.must()?;
            accounts.update("ACC-001", |account| account.deposit(500)).await.must()?;

            let refusal = accounts.update("ACC-001", |account| account.withdraw(5_000)).await;
            assert_eq!(refusal.refusal()?, Some(InsufficientFunds));

            let mut account = accounts.load("ACC-001").await?;
            assert_eq!((account.balance, account.root().version()), (1_500, 2));
            Ok::<(), hitherto::Error>(())
        })
        .expect("a store in memory works");
    }
    // endregion: test-integration

    // region: test-validate
    #[test]
    fn an_event_that_moves_nothing_is_not_stored() {
        wait(async {
            let accounts = Repository::<BankAccount>::new(&Store::in_memory());
            let error = accounts
                .update("ACC-001", |account| account.raise(MoneyDeposited { amount: 0 }))
                .await
                .must()
                .expect_err("the event's own rule forbids it");

            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains("a movement of 0.00 moves nothing"), "{error}");
            assert_eq!(accounts.load("ACC-001").await?.root().version(), 0);
            Ok::<(), hitherto::Error>(())
        })
        .expect("a store in memory works");
    }
    // endregion: test-validate
}
