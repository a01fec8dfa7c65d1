//! From the enum as it was written to the model of its events; every error message stands here.

use std::collections::HashMap;
use std::fmt::Display;

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::meta::ParseNestedMeta;
use syn::parse::Parse as _;
use syn::spanned::Spanned as _;
use syn::{Attribute, Data, DeriveInput, Fields, Ident, LitInt, LitStr, Path, Token, Type};
use syn::{Error, Result};

/// An enum of events.
pub(crate) struct EventEnum {
    pub(crate) name: Ident,
    pub(crate) validate: Option<Path>,
    pub(crate) variants: Vec<Variant>,
}

/// One variant: a kind of event, or another enum of events.
pub(crate) struct Variant {
    pub(crate) name: Ident,
    pub(crate) shape: Shape,
}

pub(crate) enum Shape {
    Kind(Kind),
    Union(Box<Type>),
}

/// One kind of event.
pub(crate) struct Kind {
    pub(crate) name: LitStr,
    pub(crate) version: u16,
    /// The shapes of versions 1, 2 …, without the current one.
    pub(crate) older: Vec<Type>,
    pub(crate) was: Vec<LitStr>,
    pub(crate) deprecated: Option<LitStr>,
    pub(crate) fields: Vec<Field>,
    /// Written without braces: serde would store `null`, an event is `{}`.
    pub(crate) is_unit: bool,
}

pub(crate) struct Field {
    pub(crate) name: Ident,
    pub(crate) value_type: Type,
    pub(crate) tag: Option<Tag>,
    pub(crate) serde: Vec<Attribute>,
}

pub(crate) struct Tag {
    pub(crate) key: LitStr,
    /// Whether the field holds any number of values (`Option`, `Vec`), each with its own tag.
    pub(crate) is_many: bool,
}

const ENUM_WORDS: &[&str] = &["validate"];
const VARIANT_WORDS: &[&str] = &["name", "was", "version", "from", "deprecated"];
/// What other libraries call our words.
const SYNONYMS: &[(&str, &str)] = &[
    ("rename", "name"),
    ("event_type", "name"),
    ("alias", "was"),
    ("renamed_from", "was"),
    ("upcast", "from"),
    ("validator", "validate"),
];

/// The model of an enum, or everything that is wrong with it.
pub(crate) fn event_enum(input: &DeriveInput) -> Result<EventEnum> {
    let name = &input.ident;
    let Data::Enum(data) = &input.data else {
        let text = format!(
            "`{name}` is no enum: events are derived on an enum, \
             with one variant for each kind of event"
        );
        return Err(Error::new(name.span(), text));
    };
    if data.variants.is_empty() {
        let text = format!("`{name}` has no variants: each kind of event is one");
        return Err(Error::new(name.span(), text));
    }
    refuse_generics(input)?;
    let mut errors = Errors::default();
    let validate = errors.keep(validate_path(name, &input.attrs)).flatten();
    let variants = data.variants.iter().filter_map(|variant| errors.keep(parse_variant(variant)));
    let variants = variants.collect::<Vec<_>>();
    errors.keep(refuse_equal_names(&variants));
    errors.into_result()?;
    Ok(EventEnum { name: name.clone(), validate, variants })
}

/// Collects errors, so that one compilation shows them all.
#[derive(Default)]
struct Errors(Option<Error>);

impl Errors {
    fn keep<T>(&mut self, result: Result<T>) -> Option<T> {
        let error = match result {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
        None
    }

    fn into_result(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

fn refuse_generics(input: &DeriveInput) -> Result<()> {
    let name = &input.ident;
    let Some(parameter) = input.generics.params.first() else { return Ok(()) };
    let text = if let syn::GenericParam::Lifetime(lifetime) = parameter {
        format!(
            "`{name}` borrows for `{}`: an event owns its data, write `String` instead of `&str`",
            lifetime.lifetime
        )
    } else {
        format!("`{name}` is generic: what is stored for years has one shape, write its types out")
    };
    Err(Error::new_spanned(parameter, text))
}

fn validate_path(name: &Ident, attributes: &[Attribute]) -> Result<Option<Path>> {
    let place = format!("enum `{name}`");
    refuse_elsewhere(attributes, &place)?;
    let mut validate = None;
    for attribute in events(attributes) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("validate") {
                return once(&mut validate, meta.value()?.parse::<Path>()?, &meta, &place);
            }
            Err(unknown(&meta, &place, ENUM_WORDS, VARIANT_WORDS, "a variant"))
        })?;
    }
    Ok(validate)
}

fn parse_variant(variant: &syn::Variant) -> Result<Variant> {
    refuse_elsewhere(&variant.attrs, &format!("variant `{}`", variant.ident))?;
    let shape = match &variant.fields {
        Fields::Unnamed(fields) => Shape::Union(Box::new(union_type(variant, fields)?)),
        fields => Shape::Kind(parse_kind(variant, fields)?),
    };
    Ok(Variant { name: variant.ident.clone(), shape })
}

/// The enum of events that a variant with one unnamed field stands for.
fn union_type(variant: &syn::Variant, fields: &syn::FieldsUnnamed) -> Result<Type> {
    let name = &variant.ident;
    let mut types = fields.unnamed.iter();
    let (Some(field), None) = (types.next(), types.next()) else {
        let text = format!(
            "variant `{name}`: name its fields, `{name} {{ .. }}`: names are what is stored \
             (one unnamed field stands for another enum of events)"
        );
        return Err(Error::new_spanned(fields, text));
    };
    if let Some(attribute) = events(&variant.attrs).next() {
        let text = format!(
            "variant `{name}` stands for the events of another enum: \
             `#[event(..)]` belongs on the variants there"
        );
        return Err(Error::new_spanned(attribute, text));
    }
    let own = |attribute: &&Attribute| is_one_of(attribute, &["tag", "serde", "event"]);
    if let Some(attribute) = field.attrs.iter().find(own) {
        let text = format!(
            "variant `{name}` stands for the events of another enum: \
             `#[{}]` belongs on the fields there",
            word(attribute.path())
        );
        return Err(Error::new_spanned(attribute, text));
    }
    Ok(field.ty.clone())
}

fn parse_kind(variant: &syn::Variant, fields: &Fields) -> Result<Kind> {
    let mut errors = Errors::default();
    let attributes = errors.keep(kind_attributes(variant));
    let fields_found = fields.iter().filter_map(|field| errors.keep(parse_field(variant, field)));
    let fields_found = fields_found.collect();
    errors.into_result()?;
    let attributes = attributes.expect("without an error there are attributes");
    let own_name = variant.ident.unraw().to_string();
    Ok(Kind {
        name: attributes.name.unwrap_or_else(|| LitStr::new(&own_name, variant.ident.span())),
        version: attributes.version.map_or(1, |version| version.number),
        older: attributes.older.map(|older| older.types).unwrap_or_default(),
        was: attributes.was,
        deprecated: attributes.deprecated,
        fields: fields_found,
        is_unit: matches!(fields, Fields::Unit),
    })
}

/// What `#[event(..)]` says about one variant.
#[derive(Default)]
struct KindAttributes {
    name: Option<LitStr>,
    was: Vec<LitStr>,
    version: Option<WrittenVersion>,
    older: Option<OlderTypes>,
    deprecated: Option<LitStr>,
}

struct WrittenVersion {
    number: u16,
    span: Span,
}

struct OlderTypes {
    types: Vec<Type>,
    span: Span,
}

fn kind_attributes(variant: &syn::Variant) -> Result<KindAttributes> {
    let mut found = KindAttributes::default();
    for attribute in events(&variant.attrs) {
        attribute.parse_nested_meta(|meta| kind_attribute(variant, &meta, &mut found))?;
    }
    check_versions(&variant.ident, &found)?;
    Ok(found)
}

fn kind_attribute(
    variant: &syn::Variant,
    meta: &ParseNestedMeta<'_>,
    found: &mut KindAttributes,
) -> Result<()> {
    let place = format!("variant `{}`", variant.ident);
    match word(&meta.path).as_str() {
        "name" => once(&mut found.name, text(meta, &place)?, meta, &place),
        "was" => {
            found.was.push(text(meta, &place)?);
            Ok(())
        }
        "version" => once(&mut found.version, version(meta, &place)?, meta, &place),
        "from" => once(&mut found.older, older_types(meta, &place)?, meta, &place),
        "deprecated" => once(&mut found.deprecated, text(meta, &place)?, meta, &place),
        _ => Err(unknown(meta, &place, VARIANT_WORDS, ENUM_WORDS, "the enum")),
    }
}

/// The text in `word = "text"`, which says something.
fn text(meta: &ParseNestedMeta<'_>, place: &str) -> Result<LitStr> {
    let name = word(&meta.path);
    let wanted = format!("{place}: `{name}` wants a text, as in `{name} = \"..\"`");
    let value = meta.value().map_err(|_| meta.error(&wanted))?;
    let span = value.span();
    let text = value.parse::<LitStr>().map_err(|_| Error::new(span, &wanted))?;
    if text.value().trim().is_empty() {
        return Err(Error::new(text.span(), format!("{place}: `{name}` is empty")));
    }
    Ok(text)
}

fn version(meta: &ParseNestedMeta<'_>, place: &str) -> Result<WrittenVersion> {
    let wanted = format!("{place}: `version` is a number from 1 to {}", u16::MAX);
    let value = meta.value().map_err(|_| meta.error(&wanted))?;
    let literal = value.parse::<LitInt>().map_err(|error| Error::new(error.span(), &wanted))?;
    match literal.base10_parse::<u16>() {
        Ok(number) if number > 0 => Ok(WrittenVersion { number, span: literal.span() }),
        _ => Err(Error::new(literal.span(), wanted)),
    }
}

fn older_types(meta: &ParseNestedMeta<'_>, place: &str) -> Result<OlderTypes> {
    if !meta.input.peek(syn::token::Paren) {
        let text = format!("{place}: `from` wants the older types in parentheses: `from(V1, V2)`");
        return Err(meta.error(text));
    }
    let content;
    syn::parenthesized!(content in meta.input);
    let types = content.parse_terminated(Type::parse, Token![,])?.into_iter().collect();
    Ok(OlderTypes { types, span: meta.path.span() })
}

/// Version `n` needs a way forward from each of the `n - 1` versions before it.
fn check_versions(name: &Ident, found: &KindAttributes) -> Result<()> {
    let older = found.older.as_ref().map_or(0, |older| older.types.len());
    match (&found.version, &found.older) {
        (Some(version), _) if usize::from(version.number) != older + 1 => {
            Err(Error::new(version.span, wrong_older_types(name, version.number, older)))
        }
        (None, Some(found)) => {
            let text = format!(
                "variant `{name}`: `from(..)` names {} older {}, so say `version = {}` too",
                number_word(older),
                if older == 1 { "type" } else { "types" },
                older + 1
            );
            Err(Error::new(found.span, text))
        }
        _ => Ok(()),
    }
}

fn wrong_older_types(name: &Ident, version: u16, older: usize) -> String {
    let found = number_word(older);
    match version - 1 {
        0 => format!(
            "variant `{name}`: version 1 is the first, nothing is older; \
             found {found} in `from(..)`"
        ),
        1 => {
            format!("variant `{name}`: version 2 needs one older type in `from(..)`, found {found}")
        }
        needed => format!(
            "variant `{name}`: version {version} needs {} older types in `from(..)`, found {found}",
            number_word(usize::from(needed))
        ),
    }
}

fn parse_field(variant: &syn::Variant, field: &syn::Field) -> Result<Field> {
    let name = field.ident.clone().expect("only variants with named fields come here");
    let place = format!("field `{name}` of variant `{}`", variant.ident);
    if let Type::Reference(reference) = &field.ty {
        let text = format!("{place} borrows: an event owns its data, write `String` for `&str`");
        return Err(Error::new_spanned(reference, text));
    }
    if let Some(attribute) = events(&field.attrs).next() {
        let text = format!("{place}: on a field write `#[tag]` or `#[serde(..)]`");
        return Err(Error::new_spanned(attribute, text));
    }
    let serde = field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde"));
    Ok(Field {
        tag: field_tag(&place, &name, field)?,
        value_type: field.ty.clone(),
        serde: serde.cloned().collect(),
        name,
    })
}

fn field_tag(place: &str, name: &Ident, field: &syn::Field) -> Result<Option<Tag>> {
    let mut tags = field.attrs.iter().filter(|attribute| attribute.path().is_ident("tag"));
    let Some(attribute) = tags.next() else { return Ok(None) };
    if let Some(second) = tags.next() {
        return Err(Error::new_spanned(
            second,
            format!("{place} has two `#[tag]`s: one is enough"),
        ));
    }
    let key = match &attribute.meta {
        syn::Meta::Path(_) => LitStr::new(&name.unraw().to_string(), name.span()),
        syn::Meta::List(list) => list.parse_args().map_err(|_| tag_error(attribute, place))?,
        syn::Meta::NameValue(_) => return Err(tag_error(attribute, place)),
    };
    if key.value().is_empty() || key.value().contains(':') {
        let text = format!("{place}: a tag's key is not empty and has no `:`, which ends it");
        return Err(Error::new(key.span(), text));
    }
    Ok(Some(Tag { key, is_many: is_many(&field.ty) }))
}

fn tag_error(attribute: &Attribute, place: &str) -> Error {
    Error::new_spanned(attribute, format!("{place}: write `#[tag]` or `#[tag(\"key\")]`"))
}

fn is_many(value_type: &Type) -> bool {
    let Type::Path(path) = value_type else { return false };
    let last = path.path.segments.last();
    last.is_some_and(|segment| segment.ident == "Option" || segment.ident == "Vec")
}

/// Every kind that can be read has a name of its own, old names included.
fn refuse_equal_names(variants: &[Variant]) -> Result<()> {
    let mut taken = HashMap::new();
    let mut errors = Errors::default();
    for variant in variants {
        let Shape::Kind(kind) = &variant.shape else { continue };
        for name in std::iter::once(&kind.name).chain(&kind.was) {
            if let Some(other) = taken.insert(name.value(), &variant.name) {
                errors.keep::<()>(Err(equal_names(&variant.name, name, other)));
            }
        }
    }
    errors.into_result()
}

fn equal_names(variant: &Ident, name: &LitStr, other: &Ident) -> Error {
    let value = name.value();
    let text = if variant == other {
        format!("variant `{variant}`: it is named `{value}` twice, once is enough")
    } else {
        format!(
            "variant `{variant}`: the name `{value}` belongs to variant `{other}` already, \
             and a stored event must know its own"
        )
    };
    Error::new(name.span(), text)
}

/// `#[tag]` and `#[serde(..)]` are for fields only; elsewhere they would do nothing, silently.
fn refuse_elsewhere(attributes: &[Attribute], place: &str) -> Result<()> {
    let found = attributes.iter().find(|attribute| is_one_of(attribute, &["tag", "serde"]));
    let Some(attribute) = found else { return Ok(()) };
    let hint = match word(attribute.path()).as_str() {
        "tag" => "`#[tag]` belongs on the field whose value is the tag",
        _ => "`#[serde(..)]` belongs on fields (a kind's stored name is `#[event(name = \"..\")]`)",
    };
    Err(Error::new_spanned(attribute, format!("{place}: {hint}")))
}

/// An attribute nobody knows, and the word that was probably meant.
fn unknown(
    meta: &ParseNestedMeta<'_>,
    place: &str,
    known: &[&str],
    elsewhere: &[&str],
    other_place: &str,
) -> Error {
    let found = word(&meta.path);
    let synonym = SYNONYMS.iter().find(|(other, _)| *other == found).map(|(_, ours)| *ours);
    let meant = synonym.or_else(|| closest(&found, known).or_else(|| closest(&found, elsewhere)));
    let hint = match meant {
        Some(word) if elsewhere.contains(&word) => {
            format!("`{word}` belongs on {other_place}")
        }
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("it can say {}", list(known)),
    };
    meta.error(format!("{place}: `#[event({found})]` is unknown; {hint}"))
}

fn closest<'word>(found: &str, known: &[&'word str]) -> Option<&'word str> {
    let distances = known.iter().map(|word| (edit_distance(found, word), *word));
    let (distance, word) = distances.min()?;
    (distance <= 2).then_some(word)
}

/// How many letters must be added, removed or replaced to come from one word to the other.
fn edit_distance(from: &str, to: &str) -> usize {
    let to = to.chars().collect::<Vec<_>>();
    let mut row = (0..=to.len()).collect::<Vec<_>>();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = line;
        row[0] = line + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

fn once<T>(slot: &mut Option<T>, value: T, meta: &ParseNestedMeta<'_>, place: &str) -> Result<()> {
    match slot.replace(value) {
        Some(_) => Err(meta.error(format!("{place}: `{}` is said twice", word(&meta.path)))),
        None => Ok(()),
    }
}

fn events(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("event"))
}

fn is_one_of(attribute: &Attribute, words: &[&str]) -> bool {
    words.iter().any(|word| attribute.path().is_ident(word))
}

fn word(path: &Path) -> String {
    path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn number_word(number: usize) -> impl Display {
    const WORDS: [&str; 7] = ["none", "one", "two", "three", "four", "five", "six"];
    WORDS.get(number).map_or_else(|| number.to_string(), |word| (*word).to_string())
}
