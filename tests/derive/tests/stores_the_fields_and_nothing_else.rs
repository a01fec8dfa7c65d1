//! What is stored of an event is the JSON of its fields, under the kind's name and version.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hitherto::Event;
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Clone, Serialize, Deserialize)]
struct Item {
    sku: String,
}

/// A type that serde does not know and that is no reference: `with` must see exactly this.
#[derive(Debug, PartialEq)]
struct Cents(i64);

mod as_text {
    use super::Cents;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        cents: &Cents,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&cents.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Cents, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Cents).map_err(serde::de::Error::custom)
    }
}

/// Generic over the field's type: a reference in between would have no default.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Event, Debug, PartialEq)]
enum CartEvent {
    /// Has a field whose type is named like the variant.
    Item {
        item: Item,
    },
    ItemAdded {
        #[serde(rename = "article")]
        sku: String,
        #[serde(default, skip_serializing_if = "is_default")]
        note: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gift_for: Option<String>,
        #[serde(with = "as_text")]
        price: Cents,
    },
    #[event(name = "cart.Emptied")]
    Emptied {},
    CheckedOut,
    Described {
        r#type: String,
        kind: u8,
        version: u8,
        payload: Cow<'static, str>,
        #[serde(flatten)]
        rest: BTreeMap<String, u32>,
    },
}

fn added(note: &str, gift_for: Option<&str>) -> CartEvent {
    let gift_for = gift_for.map(Into::into);
    CartEvent::ItemAdded { sku: "A-1".into(), note: note.into(), gift_for, price: Cents(1_250) }
}

/// The event is stored as this text, and comes back from it.
fn check(event: &CartEvent, stored: &str) {
    let payload = event.encode().expect("an event can be stored");
    assert_eq!(String::from_utf8_lossy(&payload), stored);
    let kind = event.kind();
    let read = CartEvent::decode(kind.name, kind.version, &payload);
    assert_eq!(&read.expect("what was stored can be read"), event);
}

#[test]
fn fields_are_stored_as_json() {
    check(&CartEvent::Item { item: Item { sku: "A-1".into() } }, r#"{"item":{"sku":"A-1"}}"#);
}

#[test]
fn an_event_without_fields_is_stored_as_an_empty_object() {
    check(&CartEvent::CheckedOut, "{}");
    check(&CartEvent::Emptied {}, "{}");
}

#[test]
fn field_attributes_of_serde_are_obeyed() {
    check(&added("", None), r#"{"article":"A-1","price":"1250"}"#);
    check(
        &added("wrap it", Some("Eva")),
        r#"{"article":"A-1","note":"wrap it","gift_for":"Eva","price":"1250"}"#,
    );
}

#[test]
fn fields_may_be_named_as_they_like() {
    let event = CartEvent::Described {
        r#type: "box".into(),
        kind: 1,
        version: 2,
        payload: "none".into(),
        rest: BTreeMap::from([("weight".to_string(), 7)]),
    };
    check(&event, r#"{"type":"box","kind":1,"version":2,"payload":"none","weight":7}"#);
}

#[test]
fn an_event_of_an_older_program_may_lack_a_new_field_with_a_default() {
    let event = CartEvent::decode("ItemAdded", 1, br#"{"article":"A-1","price":"1250"}"#);
    assert_eq!(event.unwrap(), added("", None));
}

#[test]
fn a_field_that_must_be_there_is_missed_by_name() {
    let error = CartEvent::decode("ItemAdded", 1, br#"{"article":"A-1"}"#).unwrap_err();
    assert!(error.to_string().contains("missing field `price`"), "{error}");
}

#[test]
fn the_stored_name_may_differ_from_the_variant() {
    assert_eq!(CartEvent::Emptied {}.kind().name, "cart.Emptied");
    assert!(CartEvent::decode("Emptied", 1, b"{}").is_err());
}

#[test]
fn an_unknown_kind_is_an_error_that_names_it() {
    let error = CartEvent::decode("ItemStolen", 1, b"{}").unwrap_err();
    assert!(error.to_string().contains("ItemStolen"), "{error}");
}

#[test]
fn kinds_lists_every_variant_in_order() {
    let names = CartEvent::kinds().iter().map(|kind| kind.name).collect::<Vec<_>>();
    assert_eq!(names, ["Item", "ItemAdded", "cart.Emptied", "CheckedOut", "Described"]);
}
