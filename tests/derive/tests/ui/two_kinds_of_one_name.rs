use hitherto::Event;

#[derive(Event)]
enum AccountEvent {
    AccountOpened { number: String },
    #[event(name = "AccountOpened")]
    AccountCreated { number: String },
    #[event(was = "MoneyDeposited")]
    MoneyPaidIn { amount: u64 },
    MoneyDeposited { amount: u64 },
    #[event(was = "AccountClosed")]
    AccountClosed,
}

fn main() {}
