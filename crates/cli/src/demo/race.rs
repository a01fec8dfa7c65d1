//! Two writers that really race for one account.

use std::sync::Barrier;

use hitherto::{Repository, wait};
use hitherto_store::{Append, ErrorKind, EventStore, ExpectedVersion, NewEvent, Query};

use super::account::{BankAccount, Refused, money};
use super::balance::unrefused;
use super::{Demo, told};
use crate::failure::Failure;

type Command = fn(&mut BankAccount) -> Result<(), Refused>;

impl Demo {
    pub(super) fn let_two_writers_race(&mut self) -> Result<(), Failure> {
        self.story.step("Two writers race: one deposits 100.00, the other withdraws 100.00")?;
        let [deposit, withdrawal] = self.race()?;
        let found = format!(
            "both had read version 3 before either wrote; one was refused and tried again: \
             {deposit} and {withdrawal} attempts"
        );
        self.story.check(found, &(deposit + withdrawal), &3)?;
        let rest = Query::stream(self.stream()).after_version(3);
        let events: Vec<_> = self.store.read(rest).collect::<Result<_, _>>()?;
        self.story.check("both changes are stored, one after the other", &events.len(), &2)?;
        for event in &events {
            self.story.fact(told(event))?;
        }
        let balance = wait(self.accounts().load(&self.account()))?.balance;
        let found = format!("nothing is lost: the balance is {}", money(balance));
        self.story.check(found, &balance, &130_000)?;
        self.come_too_late()
    }

    /// Returns how many times each command had to run.
    fn race(&self) -> hitherto_store::Result<[u32; 2]> {
        let number = self.account();
        let both_have_read = Barrier::new(2);
        let write = |command: Command| {
            let accounts: Repository<BankAccount> = self.accounts();
            let mut attempts = 0;
            let updated = wait(accounts.update(&number, |account| {
                attempts += 1;
                if attempts == 1 {
                    both_have_read.wait(); // nobody writes before both have read
                }
                command(account)
            }));
            unrefused(updated).map(|_| attempts)
        };
        std::thread::scope(|scope| {
            let deposit = scope.spawn(|| write(|account| account.deposit(10_000)));
            let withdrawal = write(|account| account.withdraw(10_000));
            let deposit = deposit.join().expect("a writer does not panic");
            Ok([deposit?, withdrawal?])
        })
    }

    /// What the store itself says to a writer that still believes in version 3.
    fn come_too_late(&mut self) -> Result<(), Failure> {
        let event = NewEvent::json("MoneyWithdrawn", r#"{"amount":130000}"#);
        let late = Append::to(self.stream()).expect(ExpectedVersion::Exact(3)).event(event);
        let kind = match self.store.append(late) {
            Ok(_) => None,
            Err(error) => {
                self.story.fact(format!("the store to a third, who is late: \"{error}\""))?;
                Some(error.kind())
            }
        };
        Ok(self.story.check("who is late gets a conflict", &kind, &Some(ErrorKind::Conflict))?)
    }
}
