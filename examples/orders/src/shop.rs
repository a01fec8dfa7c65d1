//! The query side: what is on the shelves, and what has become of the orders, in tables.

use hitherto::{Projection, Recorded, Sql};

use crate::ShopEvent::{
    self, ItemReleased, ItemReserved, OrderCancelled, OrderPaid, OrderPlaced, StockReceived,
};

// region: projection
/// The shelves and the orders.
pub struct Shop;

const RESTOCK: &str = "insert into stock values (?, ?)
    on conflict (item) do update set available = available + excluded.available";
const TAKE: &str = "update stock set available = available - ? where item = ?";
const SET_STATE: &str = "update orders set state = ? where number = ?";

impl Projection for Shop {
    const NAME: &'static str = "shop";
    type Event = ShopEvent;

    fn tables(&self) -> &'static str {
        "create table stock (item text primary key, available bigint not null);
         create table orders (
             number text primary key, customer text not null, cents bigint not null,
             state text not null
         )"
    }

    fn project(&self, event: &Recorded<ShopEvent>, sql: &mut Sql) {
        match &event.data {
            StockReceived { item, quantity } | ItemReleased { item, quantity, .. } => {
                sql.run(RESTOCK, (item, quantity));
            }
            ItemReserved { item, quantity, .. } => sql.run(TAKE, (quantity, item)),
            OrderPlaced { order, customer, cents } => {
                sql.run("insert into orders values (?, ?, ?, 'open')", (order, customer, cents));
            }
            OrderPaid { order } => sql.run(SET_STATE, ("paid", order)),
            OrderCancelled { order } => sql.run(SET_STATE, ("cancelled", order)),
        }
    }
}
// endregion: projection

#[cfg(test)]
mod tests {
    use super::*;
    use hitherto_sql::testing::project;

    // region: test-projection
    #[test]
    fn the_tables_show_the_shelves_and_the_orders() {
        let (item, order) = ("tea".to_owned(), "O-1".to_owned());
        let shop = project(
            Shop,
            [
                StockReceived { item: item.clone(), quantity: 5 },
                ItemReserved { item: item.clone(), order: order.clone(), quantity: 2 },
                OrderPlaced { order: order.clone(), customer: "zoe".into(), cents: 700 },
                StockReceived { item: item.clone(), quantity: 1 },
            ],
        );
        assert_eq!(shop.rows("select available from stock where item = 'tea'"), [[4]]);
        assert_eq!(shop.rows("select cents from orders where state = 'open'"), [[700]]);
    }
    // endregion: test-projection

    #[test]
    fn a_cancelled_order_gives_back_and_a_paid_one_does_not() {
        let (item, order) = ("tea".to_owned(), "O-1".to_owned());
        let begun = [
            StockReceived { item: item.clone(), quantity: 5 },
            ItemReserved { item: item.clone(), order: order.clone(), quantity: 2 },
            OrderPlaced { order: order.clone(), customer: "zoe".into(), cents: 700 },
        ];
        let released = ItemReleased { item, order: order.clone(), quantity: 2 };
        let cancelled = [OrderCancelled { order: order.clone() }, released];
        let shop = project(Shop, begun.clone().into_iter().chain(cancelled));
        assert_eq!(shop.rows("select available from stock"), [[5]]);
        assert_eq!(shop.rows("select state from orders"), [["cancelled"]]);
        let shop = project(Shop, begun.into_iter().chain([OrderPaid { order }]));
        assert_eq!(shop.rows("select available from stock"), [[3]]);
        assert_eq!(shop.rows("select state from orders"), [["paid"]]);
    }
}
