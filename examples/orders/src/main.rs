//! A day in the shop: `cargo run -p hitherto-example-orders`.

use std::error::Error;

use hitherto::{Cause, Outcome as _, Position, Projector, Repository, Result, Saved, Store};
use hitherto_example_orders::{
    CancelOrder, Line, Parcel, PayOrder, PlaceOrder, ReceiveStock, Refused, Shop, ShopEvent,
};
use hitherto_sql::Sqlite;

fn main() -> std::result::Result<(), Box<dyn Error>> {
    hitherto::wait(tell(&Store::in_memory()))?;
    Ok(())
}

async fn tell(store: &Store) -> Result<()> {
    // region: start
    let read = Sqlite::in_memory()?; // or Sqlite::open("shop.db")?
    let shop = Projector::start(store, read.clone(), Shop).await?;
    // endregion: start
    open_the_shop(store).await?;
    let noon = sell_the_last_ones(store).await?;
    shop.reached(store.head().await?).await?;
    println!("\nWhat the tables say now:\n");
    print_tables(&read)?;
    let paid = change_minds(store).await?;
    send(store, &paid).await?;
    // region: query
    let head = store.head().await?;
    shop.reached(head).await?; // read your own writes
    let rows = read.rows("select number, state from orders order by number")?;
    // endregion: query
    println!("\n{} orders at the end of the day:\n", rows.len());
    print_tables(&read)?;
    look_back(store, noon).await
}

async fn open_the_shop(store: &Store) -> Result<()> {
    for (item, quantity) in [("tea", 5), ("pot", 1), ("cup", 12)] {
        store.decide(&ReceiveStock { item: item.into(), quantity }).await.must()?;
    }
    println!("On the shelves: 5 tea, 1 pot, 12 cups.");
    Ok(())
}

async fn order(
    store: &Store,
    number: &str,
    customer: &str,
    lines: Vec<Line>,
) -> Result<Option<Refused>> {
    // region: place
    let order = PlaceOrder { order: number.into(), customer: customer.into(), lines };
    let refusal = store.decide(&order).await.refusal()?;
    // endregion: place
    match &refusal {
        None => println!("  {number} of {customer} is taken."),
        Some(refusal) => println!("  {number} of {customer} is not: {refusal:?}."),
    }
    Ok(refusal)
}

async fn sell_the_last_ones(store: &Store) -> Result<Position> {
    println!("\nEverybody wants the pot:\n");
    let breakfast = vec![Line::new(1, "pot", 2_500), Line::new(2, "cup", 600)];
    order(store, "O-1", "ann", breakfast.clone()).await?;
    order(store, "O-2", "ben", breakfast).await?;
    order(store, "O-3", "zoe", vec![Line::new(5, "tea", 450)]).await?;
    println!("\nBen gets no cups either: an order is taken whole, or not at all.");
    store.head().await
}

async fn change_minds(store: &Store) -> Result<Saved> {
    println!("\nAnn changes her mind, and Ben is faster than anybody:\n");
    store.decide(&CancelOrder { order: "O-1".into() }).await.must()?;
    order(store, "O-4", "ben", vec![Line::new(1, "pot", 2_500)]).await?;
    let paid = store.decide(&PayOrder { order: "O-4".into() }).await.must()?;
    let late = store.decide(&CancelOrder { order: "O-4".into() }).await.refusal()?;
    println!("  He pays, and cannot cancel any more: {:?}.", late.expect("it is paid"));
    Ok(paid)
}

async fn send(store: &Store, paid: &Saved) -> Result<()> {
    // region: because
    let cause = event_at(store, paid.position)?;
    let parcels = Repository::<Parcel>::new(store).because(&cause);
    parcels.update("O-4", |parcel| parcel.pack("O-4")).await.must()?;
    // endregion: because
    let parcels = Repository::<Parcel>::new(store);
    parcels.update("O-4", |parcel| parcel.hand_over("max")).await.must()?;
    parcels.update("O-4", Parcel::deliver).await.must()?;
    println!(
        "\nBecause it was paid, the parcel of O-4 was packed; it is {:?}.",
        parcels.load("O-4").await?.stage
    );
    Ok(())
}

fn event_at(store: &Store, position: Position) -> Result<Cause> {
    let query = hitherto::Query::all().up_to(position).backward().limit(1);
    let mut events = store.read_as::<ShopEvent>(query);
    let event = events.next().expect("it was stored a moment ago")?;
    Ok(Cause::from(&event))
}

fn print_tables(read: &Sqlite) -> Result<()> {
    for row in read.rows("select item, available from stock order by item")? {
        println!("  {:<5} {:>3} available", text(&row[0]), text(&row[1]));
    }
    for row in read.rows("select number, customer, cents, state from orders order by number")? {
        let cents: Vec<_> = row.iter().map(text).collect();
        println!("  {}  {:<4} {:>6} cents  {}", cents[0], cents[1], cents[2], cents[3]);
    }
    Ok(())
}

fn text(value: &hitherto::projection::Value) -> String {
    use hitherto::projection::Value::{Integer, Text};
    match value {
        Integer(number) => number.to_string(),
        Text(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

async fn look_back(store: &Store, noon: Position) -> Result<()> {
    println!("\nAnd as they were at noon, built from the events up to there:\n");
    // region: as-of
    let then = store.as_of(noon).await?;
    let read = Sqlite::in_memory()?;
    let shop = Projector::start(&then, read.clone(), Shop).await?;
    shop.reached(noon).await?;
    // endregion: as-of
    print_tables(&read)
}
