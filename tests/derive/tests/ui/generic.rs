use hitherto::Event;

#[derive(Event)]
enum AccountEvent<Currency> {
    MoneyDeposited { amount: Currency },
}

fn main() {}
