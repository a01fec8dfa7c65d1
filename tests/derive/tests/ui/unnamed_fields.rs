use hitherto::Event;

#[derive(Event)]
enum AccountEvent {
    MoneyDeposited(u64, String),
    AccountClosed(),
}

fn main() {}
