//! Turns an enum into events: `#[derive(Event)]` and the list of its attributes.
//!
//! Use it through the `hitherto` crate, which re-exports it beside the trait of the same name, and
//! has the examples.

mod expand;
mod parse;

use proc_macro::TokenStream;

/// Implements `hitherto::Event` for an enum: each variant is one kind of event.
///
/// What is stored is the JSON of the variant's fields and nothing else: `{"amount":500}`, or `{}`
/// for a variant without fields. The kind's name is the variant's. Neither the enum nor the crate
/// it stands in needs serde; only the fields' types must be serializable. A variant that holds one
/// unnamed value, `Account(AccountEvent)`, stands for all events of that enum: a union of events is
/// just an enum.
///
/// # On the enum
/// - `#[event(validate = path)]`: the function `fn(&Self) -> Result<(), String>` says whether an
///   event may be appended; its text is shown to whoever tried. Events that were stored are never
///   asked again.
///
/// # On a variant
/// - `#[event(name = "bank.MoneyDeposited")]`: the name under which it is stored.
/// - `#[event(was = "EmailUpdated")]`: a name it had before, which can still be read, at every
///   version. May be repeated.
/// - `#[event(version = 3, from(V1, V2))]`: its fields have their third shape. The older shapes,
///   oldest first, are types that implement `Deserialize`, and the enum implements `From` for each
///   of them. Version `n` needs exactly `n - 1` older types: a version without a way forward does
///   not compile.
/// - `#[event(deprecated = "use EmailChanged")]`: can be read for ever and not appended any more.
///
/// # On a field
/// - `#[tag]`: the event can be found by the tag `field:value` (`Display`); `#[tag("key")]` names
///   another key. A field of type `Option<T>` gives no tag when it is `None`; a `Vec<T>` gives one
///   for each value.
/// - `#[serde(..)]`: as serde has it (`default`, `rename`, `with`, `skip_serializing_if` …). A
///   new field with `#[serde(default)]` reads older events without a new version.
#[proc_macro_derive(Event, attributes(event, tag, serde))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    match parse::event_enum(&input) {
        Ok(model) => expand::event_impl(&model).into(),
        Err(error) => error.into_compile_error().into(),
    }
}
