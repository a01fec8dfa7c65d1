use hitherto::Event;

#[derive(Event)]
enum AccountEvent {
    MoneyDeposited(u64),
}

fn main() {}
