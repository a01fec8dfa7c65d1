use hitherto::Event;

#[derive(Event)]
enum AccountEvent {}

fn main() {}
