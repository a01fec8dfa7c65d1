use hitherto::Event;

#[derive(Event)]
enum AccountEvent {
    #[event(version = 0)]
    AccountOpened { number: String },
    #[event(version = 65536)]
    MoneyDeposited { amount: u64 },
    #[event(version = "2")]
    AccountClosed,
}

fn main() {}
