use hitherto::Event;

#[derive(Event)]
#[event(validate = positive)]
enum AccountEvent {
    MoneyDeposited { amount: u64 },
}

fn positive(event: &AccountEvent) -> bool {
    matches!(event, AccountEvent::MoneyDeposited { amount: 1.. })
}

fn main() {}
