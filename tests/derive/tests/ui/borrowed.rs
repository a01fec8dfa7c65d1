use hitherto::Event;

#[derive(Event)]
enum AccountEvent<'a> {
    AccountOpened { number: &'a str },
}

#[derive(Event)]
enum CardEvent {
    CardIssued { number: &'static str },
}

fn main() {}
