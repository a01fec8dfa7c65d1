//! A shop: an order is taken whole or not at all, and never promises more than is in stock.

mod parcel;
mod shelf;
mod shop;

use hitherto::Event;
use serde::{Deserialize, Serialize};

pub use parcel::{Parcel, ParcelEvent, ParcelRefused};
pub use shelf::{CancelOrder, OrderState, PayOrder, PlaceOrder, ReceiveStock, Refused, Shelf};
pub use shop::Shop;

// region: events
/// What can happen in the shop. Amounts are in cents.
///
/// These events have no stream: whatever decides over them finds them by their tags.
#[derive(Event, Debug, Clone, PartialEq)]
pub enum ShopEvent {
    /// Goods came in.
    StockReceived {
        /// What.
        #[tag]
        item: String,
        /// How many.
        quantity: u64,
    },
    /// Goods on the shelf are an order's from now on.
    ItemReserved {
        /// What.
        #[tag]
        item: String,
        /// For which order.
        #[tag]
        order: String,
        /// How many.
        quantity: u64,
    },
    /// An order was taken, with all that it reserves.
    OrderPlaced {
        /// Its number.
        #[tag]
        order: String,
        /// Whose it is.
        customer: String,
        /// What it costs.
        cents: u64,
    },
    /// The money is here.
    OrderPaid {
        /// Its number.
        #[tag]
        order: String,
    },
    /// The order was called off.
    OrderCancelled {
        /// Its number.
        #[tag]
        order: String,
    },
    /// What an order had reserved is on the shelf again.
    ItemReleased {
        /// What.
        #[tag]
        item: String,
        /// Which order had it.
        #[tag]
        order: String,
        /// How many.
        quantity: u64,
    },
}
// endregion: events

/// What is ordered of one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What.
    pub item: String,
    /// How many.
    pub quantity: u64,
    /// What one of them costs.
    pub cents: u64,
}

impl Line {
    /// So many of an item, for so many cents each.
    pub fn new(quantity: u64, item: &str, cents: u64) -> Self {
        Self { item: item.into(), quantity, cents }
    }
}
