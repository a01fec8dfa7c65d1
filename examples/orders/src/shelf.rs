//! The decisions: over the stock of several items, and over the life of one order.

use std::collections::BTreeMap;

use Refused::{AlreadyPaid, AlreadyPlaced, NoSuchOrder, NothingOrdered, OutOfStock};
use hitherto::{Decision, Query, ensure};

use crate::Line;
use crate::ShopEvent::{
    self, ItemReleased, ItemReserved, OrderCancelled, OrderPaid, OrderPlaced, StockReceived,
};

/// Why the shop says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// There is less on the shelf than was ordered.
    OutOfStock {
        /// Of what.
        item: String,
        /// How many there are.
        available: u64,
    },
    /// There is an order of this number already.
    AlreadyPlaced,
    /// There is no such order, or it was cancelled.
    NoSuchOrder,
    /// It is paid: that is another matter.
    AlreadyPaid,
    /// An order of nothing.
    NothingOrdered,
}

/// Goods come in: always.
#[derive(Debug, Clone)]
pub struct ReceiveStock {
    /// What.
    pub item: String,
    /// How many.
    pub quantity: u64,
}

impl Decision for ReceiveStock {
    type Event = ShopEvent;
    type State = ();
    type Error = Refused;

    fn query(&self) -> Query {
        Query::tag("item", &self.item)
    }

    fn apply(&self, (): &mut (), _: &ShopEvent) {}

    fn decide(&self, (): &()) -> Result<Vec<ShopEvent>, Refused> {
        Ok(vec![StockReceived { item: self.item.clone(), quantity: self.quantity }])
    }
}

// region: place
/// Takes an order, if all of it is there.
#[derive(Debug, Clone)]
pub struct PlaceOrder {
    /// Its number.
    pub order: String,
    /// Whose it is.
    pub customer: String,
    /// What is ordered.
    pub lines: Vec<Line>,
}

/// What is on the shelf of the items that are asked for.
#[derive(Debug, Default)]
pub struct Shelf {
    available: BTreeMap<String, u64>,
    is_placed: bool,
}

impl Decision for PlaceOrder {
    type Event = ShopEvent;
    type State = Shelf;
    type Error = Refused;

    /// The past of every item in the order, and of the order itself.
    fn query(&self) -> Query {
        let order = Query::tag("order", &self.order);
        self.lines.iter().fold(order, |query, line| query.or_tag("item", &line.item))
    }

    fn apply(&self, stock: &mut Shelf, event: &ShopEvent) {
        match event {
            StockReceived { item, quantity } | ItemReleased { item, quantity, .. } => {
                *stock.available.entry(item.clone()).or_default() += quantity;
            }
            ItemReserved { item, quantity, .. } => {
                *stock.available.entry(item.clone()).or_default() -= quantity;
            }
            OrderPlaced { .. } => stock.is_placed = true,
            OrderPaid { .. } | OrderCancelled { .. } => {}
        }
    }

    fn decide(&self, stock: &Shelf) -> Result<Vec<ShopEvent>, Refused> {
        ensure(!stock.is_placed, AlreadyPlaced)?;
        ensure(self.lines.iter().any(|line| line.quantity > 0), NothingOrdered)?;
        for (item, quantity) in self.quantities() {
            let available = stock.available.get(&item).copied().unwrap_or_default();
            ensure(available >= quantity, OutOfStock { item, available })?;
        }
        Ok(self.events())
    }
}
// endregion: place

impl PlaceOrder {
    /// How many of each item; an item may stand in several lines.
    fn quantities(&self) -> BTreeMap<String, u64> {
        let mut quantities = BTreeMap::new();
        for line in self.lines.iter().filter(|line| line.quantity > 0) {
            *quantities.entry(line.item.clone()).or_default() += line.quantity;
        }
        quantities
    }

    fn events(&self) -> Vec<ShopEvent> {
        let (order, customer) = (self.order.clone(), self.customer.clone());
        let cents = self.lines.iter().map(|line| line.quantity * line.cents).sum();
        let reserved = self.quantities().into_iter().map(|(item, quantity)| ItemReserved {
            item,
            order: self.order.clone(),
            quantity,
        });
        reserved.chain([OrderPlaced { order, customer, cents }]).collect()
    }
}

/// What has become of an order.
#[derive(Debug, Default)]
pub struct OrderState {
    reserved: Vec<(String, u64)>,
    is_open: bool,
    is_paid: bool,
}

impl OrderState {
    fn apply(&mut self, event: &ShopEvent) {
        match event {
            ItemReserved { item, quantity, .. } => self.reserved.push((item.clone(), *quantity)),
            OrderPlaced { .. } => self.is_open = true,
            OrderPaid { .. } => self.is_paid = true,
            OrderCancelled { .. } => self.is_open = false,
            StockReceived { .. } | ItemReleased { .. } => {}
        }
    }
}

/// The money for an order has come.
#[derive(Debug, Clone)]
pub struct PayOrder {
    /// Its number.
    pub order: String,
}

impl Decision for PayOrder {
    type Event = ShopEvent;
    type State = OrderState;
    type Error = Refused;

    fn query(&self) -> Query {
        Query::tag("order", &self.order)
    }

    fn apply(&self, order: &mut OrderState, event: &ShopEvent) {
        order.apply(event);
    }

    fn decide(&self, order: &OrderState) -> Result<Vec<ShopEvent>, Refused> {
        ensure(order.is_open, NoSuchOrder)?;
        ensure(!order.is_paid, AlreadyPaid)?;
        Ok(vec![OrderPaid { order: self.order.clone() }])
    }
}

// region: cancel
/// Calls an order off, and puts back on the shelf what it had reserved.
#[derive(Debug, Clone)]
pub struct CancelOrder {
    /// Its number.
    pub order: String,
}

impl Decision for CancelOrder {
    type Event = ShopEvent;
    type State = OrderState;
    type Error = Refused;

    fn query(&self) -> Query {
        Query::tag("order", &self.order)
    }

    fn apply(&self, order: &mut OrderState, event: &ShopEvent) {
        order.apply(event);
    }

    fn decide(&self, order: &OrderState) -> Result<Vec<ShopEvent>, Refused> {
        ensure(order.is_open, NoSuchOrder)?;
        ensure(!order.is_paid, AlreadyPaid)?;
        let released = order.reserved.iter().map(|(item, quantity)| {
            let (item, order) = (item.clone(), self.order.clone());
            ItemReleased { item, order, quantity: *quantity }
        });
        Ok([OrderCancelled { order: self.order.clone() }].into_iter().chain(released).collect())
    }
}
// endregion: cancel

#[cfg(test)]
mod tests {
    use super::*;
    use hitherto::testing::given;

    fn received(item: &str, quantity: u64) -> ShopEvent {
        StockReceived { item: item.into(), quantity }
    }

    fn reserved(order: &str, item: &str, quantity: u64) -> ShopEvent {
        ItemReserved { item: item.into(), order: order.into(), quantity }
    }

    fn placed(order: &str, cents: u64) -> ShopEvent {
        OrderPlaced { order: order.into(), customer: "zoe".into(), cents }
    }

    fn place(order: &str, lines: &[(u64, &str)]) -> PlaceOrder {
        let lines = lines.iter().map(|(quantity, item)| Line::new(*quantity, item, 10)).collect();
        PlaceOrder { order: order.into(), customer: "zoe".into(), lines }
    }

    // region: test-place
    #[test]
    fn an_order_reserves_all_that_it_names() {
        given([received("tea", 5), received("pot", 1)])
            .decide(&place("O-1", &[(2, "tea"), (1, "pot")]))
            .then([reserved("O-1", "pot", 1), reserved("O-1", "tea", 2), placed("O-1", 30)]);
    }

    #[test]
    fn an_order_of_more_than_is_there_reserves_nothing_at_all() {
        let before = [received("tea", 5), received("pot", 1), reserved("O-1", "tea", 4)];
        given(before)
            .decide(&place("O-2", &[(1, "pot"), (2, "tea")]))
            .refused(OutOfStock { item: "tea".into(), available: 1 });
    }
    // endregion: test-place

    #[test]
    fn the_same_item_in_two_lines_is_counted_together() {
        given([received("tea", 3)])
            .decide(&place("O-1", &[(2, "tea"), (2, "tea")]))
            .refused(OutOfStock { item: "tea".into(), available: 3 });
    }

    #[test]
    fn an_order_is_taken_once_and_not_for_nothing() {
        let before = [received("tea", 3), reserved("O-1", "tea", 1), placed("O-1", 10)];
        given(before).decide(&place("O-1", &[(1, "tea")])).refused(AlreadyPlaced);
        given([]).decide(&place("O-1", &[])).refused(NothingOrdered);
        given([received("tea", 3)])
            .decide(&place("O-1", &[(0, "pot"), (1, "tea")]))
            .then([reserved("O-1", "tea", 1), placed("O-1", 10)]);
    }

    #[test]
    fn what_a_cancelled_order_had_is_there_for_the_next() {
        let before = [received("tea", 2), reserved("O-1", "tea", 2), placed("O-1", 20)];
        let cancelled = OrderCancelled { order: "O-1".into() };
        let (item, order) = ("tea".to_owned(), "O-1".to_owned());
        let released = ItemReleased { item, order: order.clone(), quantity: 2 };
        given(before.clone())
            .decide(&CancelOrder { order: order.clone() })
            .then([cancelled.clone(), released.clone()]);
        let after = before.into_iter().chain([cancelled, released]).collect::<Vec<_>>();
        given(after.clone())
            .decide(&place("O-2", &[(2, "tea")]))
            .then([reserved("O-2", "tea", 2), placed("O-2", 20)]);
        given(after).decide(&PayOrder { order }).refused(NoSuchOrder);
    }

    #[test]
    fn a_paid_order_is_neither_paid_again_nor_cancelled() {
        let order = "O-1".to_owned();
        let before = [placed("O-1", 20), OrderPaid { order: order.clone() }];
        given(before.clone()).decide(&PayOrder { order: order.clone() }).refused(AlreadyPaid);
        given(before).decide(&CancelOrder { order: order.clone() }).refused(AlreadyPaid);
        given([]).decide(&CancelOrder { order }).refused(NoSuchOrder);
    }
}
