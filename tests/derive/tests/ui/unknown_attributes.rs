use hitherto::Event;

#[derive(Event)]
#[event(validates = check)]
enum AccountEvent {
    #[event(versoin = 2)]
    AccountOpened { number: String },
    #[event(rename = "bank.MoneyDeposited")]
    MoneyDeposited { amount: u64 },
    #[event(encrypted)]
    MoneyWithdrawn { amount: u64 },
}

fn main() {}
