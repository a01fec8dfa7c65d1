use hitherto::Event;

struct OpenedV1;

#[derive(Event)]
enum AccountEvent {
    #[event(version = 3, from(OpenedV1))]
    AccountOpened { number: String },
    #[event(version = 2)]
    MoneyDeposited { amount: u64 },
    #[event(from(OpenedV1))]
    MoneyWithdrawn { amount: u64 },
    #[event(version = 1, from(OpenedV1))]
    AccountClosed,
}

fn main() {}
