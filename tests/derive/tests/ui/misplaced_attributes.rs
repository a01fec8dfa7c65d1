use hitherto::Event;

#[derive(Event)]
enum CardEvent {
    CardIssued,
}

#[derive(Event)]
#[event(name = "bank")]
#[serde(rename_all = "camelCase")]
enum AccountEvent {
    #[tag]
    AccountOpened { number: String },
    #[event(validate = check)]
    MoneyDeposited { amount: u64 },
    MoneyWithdrawn {
        #[event(tag)]
        account: String,
    },
    #[event(name = "card")]
    Card(CardEvent),
    Old(#[tag] CardEvent),
}

fn main() {}
