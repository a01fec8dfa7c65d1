//! A customer whose events have changed shape: old ones are read as new ones.

use hitherto::{Aggregate, Event, Root};
use serde::Deserialize;

use self::CustomerEvent::CustomerRegistered;

/// What can happen to a customer.
#[derive(Event, Debug, PartialEq)]
pub(crate) enum CustomerEvent {
    #[event(version = 2, from(CustomerRegisteredV1))]
    CustomerRegistered { email: String, phone: String },
}

/// A registration before the bank asked for phone numbers.
#[derive(Deserialize)]
pub(crate) struct CustomerRegisteredV1 {
    email: String,
}

impl From<CustomerRegisteredV1> for CustomerEvent {
    fn from(old: CustomerRegisteredV1) -> Self {
        CustomerRegistered { email: old.email, phone: "unknown".into() }
    }
}

/// A customer, folded from events of any age.
#[derive(Default)]
pub(crate) struct Customer {
    root: Root<CustomerEvent>,
    pub(crate) email: String,
    pub(crate) phone: String,
}

impl Aggregate for Customer {
    const CATEGORY: &'static str = "customer";
    type Id = String;
    type Event = CustomerEvent;
    type Error = std::convert::Infallible;

    fn root(&mut self) -> &mut Root<CustomerEvent> {
        &mut self.root
    }

    fn apply(&mut self, event: &CustomerEvent) {
        let CustomerRegistered { email, phone } = event;
        self.email.clone_from(email);
        self.phone.clone_from(phone);
    }
}
