//! The generated code gives no warnings, and does not care what the names around it mean.

#![deny(warnings, missing_docs, clippy::all, clippy::pedantic)]

use hitherto::Event as _;

/// Names that generated code would trip over if it did not say which it means.
#[allow(dead_code, missing_docs)]
mod strange {
    pub(crate) type Result = ();
    pub(crate) struct Option;
    pub(crate) struct Vec;
    pub(crate) struct String;
    pub(crate) struct Kind;
    pub(crate) struct Tag;
    pub(crate) trait Event {}
    pub(crate) trait From {}
    pub(crate) trait Serialize {}
    pub(crate) mod serde {}
    pub(crate) mod std {}
    pub(crate) mod core {}

    #[derive(hitherto::Event, Debug, PartialEq)]
    pub(crate) enum Shadowed {
        #[event(deprecated = "use Other")]
        Tagged {
            #[tag]
            value: u8,
        },
        Other,
        Parts(super::OnlyUnits),
    }
}

/// Kinds without any field.
#[derive(hitherto::Event, Debug, PartialEq)]
pub enum OnlyUnits {
    /// One.
    DayBegan,
    /// Two.
    DayEnded,
}

/// No kind of its own.
#[derive(hitherto::Event, Debug, PartialEq)]
pub enum OnlyParts {
    /// All of them.
    Units(OnlyUnits),
}

/// Names that only Rust must escape.
#[derive(hitherto::Event, Debug, PartialEq)]
pub enum WithRawNames {
    /// Named like a keyword.
    r#Yield {
        /// And so is this.
        r#fn: u8,
    },
}

#[test]
fn names_around_the_enum_do_not_matter() {
    let event = strange::Shadowed::Tagged { value: 7 };
    assert_eq!(event.encode().expect("a number is JSON"), br#"{"value":7}"#);
    let part = strange::Shadowed::decode("DayEnded", 1, b"{}").expect("a part knows it");
    assert_eq!(part, strange::Shadowed::Parts(OnlyUnits::DayEnded));
    let other = strange::Shadowed::decode("Other", 1, b"{}").expect("a kind without fields");
    assert_eq!(other, strange::Shadowed::Other);
}

#[test]
fn an_enum_may_have_only_parts() {
    let units = OnlyParts::kinds().iter().map(|kind| kind.name).collect::<Vec<_>>();
    assert_eq!(units, ["DayBegan", "DayEnded"]);
}

#[test]
fn raw_names_are_stored_without_their_mark() {
    let event = WithRawNames::r#Yield { r#fn: 1 };
    assert_eq!(event.kind().name, "Yield");
    assert_eq!(event.encode().expect("a number is JSON"), br#"{"fn":1}"#);
    assert_eq!(WithRawNames::decode("Yield", 1, br#"{"fn":1}"#).expect("it reads"), event);
}
