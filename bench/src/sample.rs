//! The event that is measured: a kind of 16 bytes, 256 bytes of JSON, 40 bytes of metadata, a UUID.

use bytes::Bytes;
use hitherto::Event;
use hitherto_store::EventId;

use crate::random::Random;

pub(crate) const COMMON_KIND: &str = "OrderLineChanged";
/// The kind of one event in a hundred.
pub(crate) const RARE_KIND: &str = "OrderWasReturned";
pub(crate) const RARE_ONE_IN: u64 = 100;
const METADATA: &[u8] = br#"{"user":"clerk-0042","request":"7f3a9c"}"#;
const PAYLOAD_BYTES: usize = 256;
/// So many that a file of the log has most of them once: what is kept of an event takes room there.
const PAYLOADS: u64 = 4096;
/// Hexadecimal digits in a payload that nothing else has: tokens, ids, amounts. They compress to
/// half, and the rest of a payload to next to nothing.
const DIGITS: usize = 96;
const NOTE: &str = "leave it with the neighbours if nobody is at home, and ring twice; the bell is \
                    the one on the left, next to the green door, behind the bicycle shed of the house";

/// An event to append: the same bytes for every contestant.
pub(crate) struct Sample {
    pub(crate) id: EventId,
    pub(crate) kind: &'static str,
    pub(crate) payload: Bytes,
    pub(crate) metadata: Bytes,
}

/// The same event as a program's own type: what typed replay turns the bytes into.
#[derive(Event)]
pub(crate) enum OrderEvent {
    OrderLineChanged { order: String, article: u64, quantity: u32, cents: u64, note: String },
    OrderWasReturned { order: String, article: u64, quantity: u32, cents: u64, note: String },
}

/// Makes samples. The payloads are made before, so that making them is not measured.
pub(crate) struct Samples {
    payloads: Vec<Bytes>,
    made: u64,
}

impl Samples {
    pub(crate) fn new() -> Self {
        let mut random = Random::seeded(11);
        Self {
            payloads: (0..PAYLOADS).map(|number| payload(number, &mut random)).collect(),
            made: 0,
        }
    }

    pub(crate) fn make(&mut self) -> Sample {
        self.made += 1;
        Sample {
            id: EventId::new(),
            kind: if self.made.is_multiple_of(RARE_ONE_IN) { RARE_KIND } else { COMMON_KIND },
            payload: self.payloads[(self.made % PAYLOADS) as usize].clone(),
            metadata: Bytes::from_static(METADATA),
        }
    }
}

fn payload(number: u64, random: &mut Random) -> Bytes {
    let digit = |_| char::from_digit(random.below(16) as u32, 16).expect("it is one");
    let parcel = (0..DIGITS).map(digit).collect::<String>();
    let start = format!(
        r#"{{"order":"order-{number:06}","article":{},"quantity":{},"cents":{},"note":"{parcel} "#,
        number * 7919,
        number % 9 + 1,
        number * 131 + 99,
    );
    let note = NOTE.chars().cycle().take(PAYLOAD_BYTES - start.len() - 2).collect::<String>();
    format!(r#"{start}{note}"}}"#).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_the_sizes_that_the_report_names() {
        let mut samples = Samples::new();
        for _ in 0..200 {
            let sample = samples.make();
            let sizes = (sample.kind.len(), sample.payload.len(), sample.metadata.len());
            assert_eq!(sizes, (16, PAYLOAD_BYTES, 40));
        }
    }
}
