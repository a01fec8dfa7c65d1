use hitherto::Event;

#[derive(Event)]
struct MoneyDeposited {
    amount: u64,
}

fn main() {}
