//! The parcel of a paid order: packed, handed over, delivered.

use ParcelEvent::{ParcelDelivered, ParcelHandedOver, ParcelPacked};
use ParcelRefused::{AlreadyPacked, NotHandedOver, NotPacked};
use hitherto::{Aggregate, Event, Root, ensure};
use serde::{Deserialize, Serialize};

// region: events
/// What can happen to a parcel.
#[derive(Event, Debug, Clone, PartialEq)]
pub enum ParcelEvent {
    /// It stands at the gate.
    ParcelPacked {
        /// Which order is in it.
        order: String,
    },
    /// Somebody carries it.
    ParcelHandedOver {
        /// Who.
        carrier: String,
    },
    /// It is where it should be.
    ParcelDelivered,
}
// endregion: events

/// Why it is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParcelRefused {
    /// It is packed.
    AlreadyPacked,
    /// It is not packed, or has gone already.
    NotPacked,
    /// Nobody has it, or it was delivered.
    NotHandedOver,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Not packed yet.
    #[default]
    New,
    /// At the gate.
    Packed,
    /// On its way.
    Travelling,
    /// There.
    Delivered,
}

/// A parcel, as its events made it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Parcel {
    #[serde(skip)]
    root: Root<ParcelEvent>,
    /// How far it has come.
    pub stage: Stage,
}

impl Aggregate for Parcel {
    const CATEGORY: &'static str = "parcel";
    type Id = String;
    type Event = ParcelEvent;
    type Error = ParcelRefused;

    fn root(&mut self) -> &mut Root<ParcelEvent> {
        &mut self.root
    }

    fn apply(&mut self, event: &ParcelEvent) {
        self.stage = match event {
            ParcelPacked { .. } => Stage::Packed,
            ParcelHandedOver { .. } => Stage::Travelling,
            ParcelDelivered => Stage::Delivered,
        };
    }
}

impl Parcel {
    /// Packs an order.
    pub fn pack(&mut self, order: &str) -> Result<(), ParcelRefused> {
        ensure(self.stage == Stage::New, AlreadyPacked)?;
        self.raise(ParcelPacked { order: order.into() })
    }

    /// Gives it to a carrier.
    pub fn hand_over(&mut self, carrier: &str) -> Result<(), ParcelRefused> {
        ensure(self.stage == Stage::Packed, NotPacked)?;
        self.raise(ParcelHandedOver { carrier: carrier.into() })
    }

    /// It has arrived.
    pub fn deliver(&mut self) -> Result<(), ParcelRefused> {
        ensure(self.stage == Stage::Travelling, NotHandedOver)?;
        self.raise(ParcelDelivered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hitherto::testing::{Given as _, check_handlers, check_replay, check_snapshots};

    fn history() -> [ParcelEvent; 3] {
        let packed = ParcelPacked { order: "O-1".into() };
        [packed, ParcelHandedOver { carrier: "max".into() }, ParcelDelivered]
    }

    #[test]
    fn a_parcel_is_packed_then_handed_over_then_delivered() {
        let [packed, handed_over, delivered] = history();
        Parcel::given([]).when(|parcel| parcel.pack("O-1")).then([packed.clone()]);
        Parcel::given([packed.clone()]).when(|p| p.hand_over("max")).then([handed_over.clone()]);
        Parcel::given([packed.clone(), handed_over]).when(Parcel::deliver).then([delivered]);
        Parcel::given([]).when(|parcel| parcel.hand_over("max")).refused(NotPacked);
        Parcel::given([packed.clone()]).when(Parcel::deliver).refused(NotHandedOver);
        Parcel::given([packed]).when(|parcel| parcel.pack("O-1")).refused(AlreadyPacked);
        Parcel::given(history()).when(Parcel::deliver).refused(NotHandedOver);
    }

    #[test]
    fn the_same_history_gives_the_same_parcel() {
        check_handlers::<Parcel>(history(), |event, parcel| match event {
            ParcelPacked { .. } => assert_eq!(parcel.stage, Stage::Packed),
            ParcelHandedOver { .. } => assert_eq!(parcel.stage, Stage::Travelling),
            ParcelDelivered => assert_eq!(parcel.stage, Stage::Delivered),
        });
        check_replay::<Parcel>(history());
        check_snapshots::<Parcel>(history());
    }
}
