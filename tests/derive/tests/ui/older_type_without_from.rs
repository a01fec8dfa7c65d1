use hitherto::Event;

#[derive(serde::Deserialize)]
struct OpenedV1 {
    number: String,
}

#[derive(Event)]
enum AccountEvent {
    #[event(version = 2, from(OpenedV1))]
    AccountOpened { number: String, currency: String },
}

fn main() {}
