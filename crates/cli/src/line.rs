//! An event as a line of JSON, and back: what `read --json` and `export` print and `import` takes.

use std::borrow::Cow;

use bytes::Bytes;
use data_encoding::BASE64;
use hitherto_store::{
    Append, ContentType, Error, EventId, NewEvent, Recorded, Result, StreamWrite, limits,
};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::moment;

/// A stored event, as it is printed.
///
/// A payload that is JSON stands under `data`, byte by byte if it is one line. What `data` cannot
/// say exactly stands in base64 under `data_base64`. The same for `metadata`.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    position: u64,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    kind: &'a str,
    schema_version: u16,
    id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Cow<'a, RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Cow<'a, RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata_base64: Option<String>,
}

impl<'a> Line<'a> {
    /// The line of this event.
    pub(crate) fn of(event: &'a Recorded) -> Self {
        let (data, data_base64) = payload(event);
        let (metadata, metadata_base64) = match event.metadata() {
            b"" => (None, None),
            bytes => json(bytes),
        };
        let content_type = event.content_type();
        Self {
            position: event.position().0,
            time: moment::exactly(event.recorded_at()),
            stream: event.stream(),
            version: event.stream().map(|_| event.version()),
            kind: event.kind(),
            schema_version: event.schema_version(),
            id: event.id().to_string(),
            tags: event.tags().collect(),
            correlation: event.correlation().map(|id| id.to_string()),
            causation: event.causation().map(|id| id.to_string()),
            content_type: (content_type != ContentType::Json).then(|| content_type.media_type()),
            data,
            data_base64,
            metadata,
            metadata_base64,
        }
    }
}

type Shown<'a> = (Option<Cow<'a, RawValue>>, Option<String>);

fn payload(event: &Recorded) -> Shown<'_> {
    let bytes = event.payload();
    match (event.content_type(), std::str::from_utf8(bytes)) {
        (ContentType::Json, _) => json(bytes),
        (ContentType::Text, Ok(text)) => {
            let text = serde_json::value::to_raw_value(text).expect("text can be written as JSON");
            (Some(Cow::Owned(text)), None)
        }
        _ => (None, Some(BASE64.encode(bytes))),
    }
}

fn json(bytes: &[u8]) -> Shown<'_> {
    match serde_json::from_slice::<&RawValue>(bytes) {
        Ok(value) if is_one_line(value.get(), bytes) => (Some(Cow::Borrowed(value)), None),
        Ok(value) => (Some(Cow::Owned(compact(value))), Some(BASE64.encode(bytes))),
        Err(_) => (None, Some(BASE64.encode(bytes))),
    }
}

fn is_one_line(json: &str, bytes: &[u8]) -> bool {
    json.len() == bytes.len() && !json.contains(['\n', '\r'])
}

/// The same JSON without white space between its parts; numbers and order stay as they were
/// written.
fn compact(value: &RawValue) -> Box<RawValue> {
    let (mut is_string, mut is_escaped) = (false, false);
    let keep = |c: &char| {
        let keep = is_string || !c.is_ascii_whitespace();
        if *c == '"' && !is_escaped {
            is_string = !is_string;
        }
        is_escaped = *c == '\\' && !is_escaped;
        keep
    };
    let text: String = value.get().chars().filter(keep).collect();
    RawValue::from_string(text).expect("valid JSON stays valid without white space")
}

/// The payload in one line, for people to read.
pub(crate) fn for_people(event: &Recorded) -> String {
    let bytes = event.payload();
    match (event.content_type(), payload(event)) {
        (ContentType::Json, (Some(json), _)) => json.get().to_owned(),
        (ContentType::Text, (Some(_), _)) => String::from_utf8_lossy(bytes).into_owned(),
        _ => format!("<{} bytes>", bytes.len()),
    }
}

/// A line as it is taken. Position, version and time are read over: the store gives its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLine<'a> {
    #[serde(default, rename = "position")]
    _position: IgnoredAny,
    #[serde(default, rename = "time")]
    _time: IgnoredAny,
    #[serde(default, rename = "version")]
    _version: IgnoredAny,
    stream: Option<String>,
    kind: String,
    schema_version: Option<u16>,
    id: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    correlation: Option<String>,
    causation: Option<String>,
    content_type: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    data_base64: Option<String>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    metadata_base64: Option<String>,
}

/// The event of a line of JSON, and its stream; checked as the store will check it.
pub(crate) fn parse(line: &[u8]) -> Result<StreamWrite> {
    let text = std::str::from_utf8(line).map_err(|error| {
        Error::invalid(format!("it is not UTF-8 from byte {} on", error.valid_up_to() + 1))
    })?;
    let line: NewLine<'_> = serde_json::from_str(text).map_err(|error| not_an_event(&error))?;
    let stream = line.stream.clone();
    let append = stream.map_or_else(Append::without_stream, Append::to).event(line.into_event()?);
    let is_ours = append.writes.iter().any(is_of_the_store);
    if !is_ours {
        limits::check_append(&append)?;
    }
    Ok(append.writes.into_iter().next().expect("it was made with one write"))
}

/// What was decided about positions and versions of another store does not hold in this one.
pub(crate) fn is_of_the_store(write: &StreamWrite) -> bool {
    write.stream.as_ref().is_some_and(|stream| stream.as_str() == "$retention")
}

/// The parser counts lines within its text, which has only one.
fn not_an_event(error: &serde_json::Error) -> Error {
    let message = error.to_string().replace(" at line 1 column ", " at column ");
    Error::invalid(format!("it is not an event in JSON: {message}"))
}

impl NewLine<'_> {
    fn into_event(self) -> Result<NewEvent> {
        let content_type = content_type(self.content_type.as_deref())?;
        let payload = match (&self.data_base64, self.data) {
            (Some(base64), _) => decoded("data_base64", base64)?,
            (None, Some(data)) if content_type == ContentType::Text => text(data)?,
            (None, Some(data)) if content_type == ContentType::Json => bytes_of(data),
            (None, None) if content_type == ContentType::Json => Bytes::from_static(b"{}"),
            _ => return Err(Error::invalid("it has no `data_base64`: its content type needs it")),
        };
        let metadata = match (&self.metadata_base64, self.metadata) {
            (Some(base64), _) => decoded("metadata_base64", base64)?,
            (None, metadata) => metadata.map(bytes_of).unwrap_or_default(),
        };
        Ok(NewEvent {
            id: id(self.id.as_deref())?.unwrap_or_else(EventId::new),
            kind: self.kind.into(),
            schema_version: self.schema_version.unwrap_or(1),
            tags: self.tags.into_iter().map(Into::into).collect(),
            content_type,
            payload,
            metadata,
            correlation: id(self.correlation.as_deref())?,
            causation: id(self.causation.as_deref())?,
        })
    }
}

fn id(text: Option<&str>) -> Result<Option<EventId>> {
    text.map(str::parse).transpose()
}

fn bytes_of(json: &RawValue) -> Bytes {
    Bytes::copy_from_slice(json.get().as_bytes())
}

fn text(json: &RawValue) -> Result<Bytes> {
    let text: Result<String, _> = serde_json::from_str(json.get());
    text.map(Bytes::from).map_err(|_| Error::invalid("its `data` is text/plain but not a string"))
}

fn decoded(field: &str, base64: &str) -> Result<Bytes> {
    let bytes = BASE64.decode(base64.as_bytes());
    bytes.map(Bytes::from).map_err(|error| {
        Error::invalid(format!("its `{field}` is not base64 with padding")).because(error)
    })
}

fn content_type(media_type: Option<&str>) -> Result<ContentType> {
    let known = [ContentType::Json, ContentType::Text, ContentType::Binary];
    let Some(media_type) = media_type else { return Ok(ContentType::Json) };
    known.into_iter().find(|known| known.media_type() == media_type).ok_or_else(|| {
        let names = known.map(ContentType::media_type).join(", ");
        Error::invalid(format!("its content type is {media_type:?}: known are {names}"))
    })
}

#[cfg(test)]
mod tests {
    use hitherto_store::{Placement, Position, StreamName, Timestamp};

    use super::*;

    fn recorded(event: &NewEvent) -> Recorded {
        let stream = StreamName::from("account-1");
        let recorded_at = Timestamp::from_nanos(1_767_484_800_000_000_000);
        let placement = Placement { position: Position(5), version: 2, recorded_at };
        Recorded::new(placement, Some(&stream), event)
    }

    fn printed(event: &NewEvent) -> String {
        serde_json::to_string(&Line::of(&recorded(event))).unwrap()
    }

    #[test]
    fn json_stands_in_the_line_as_it_is() {
        let event = NewEvent::json("MoneyDeposited", r#"{"b":1.0, "a":123456789012345678901}"#);
        let line = printed(&event.id(EventId::from_u128(7)));
        let expected = r#"{"position":5,"time":"2026-01-04T00:00:00Z","stream":"account-1","version":2,"kind":"MoneyDeposited","schema_version":1,"id":"00000000-0000-0000-0000-000000000007","data":{"b":1.0, "a":123456789012345678901}}"#;
        assert_eq!(line, expected);
    }

    #[test]
    fn every_payload_comes_back_byte_by_byte() {
        let payloads = [
            (ContentType::Json, &br#"{"amount":500}"#[..]),
            (ContentType::Json, b" {\n  \"a b\": \"\\\" x\\\\\" \n} "),
            (ContentType::Json, b"no json"),
            (ContentType::Json, b""),
            (ContentType::Text, b"plain\ntext \"quoted\""),
            (ContentType::Text, b"\xff"),
            (ContentType::Binary, b"\x00\x01\xff"),
            (ContentType::Binary, b"{}"),
        ];
        for (content_type, payload) in payloads {
            let event = NewEvent::new("Happened", content_type, payload)
                .schema_version(3)
                .tag("customer:7")
                .metadata(&b"[1,\n2]"[..])
                .correlation(EventId::from_u128(1))
                .causation(EventId::from_u128(2));
            let line = printed(&event);
            assert!(!line.contains('\n'), "{line}");
            let write = parse(line.as_bytes()).unwrap();
            assert_eq!(write.stream, Some("account-1".into()));
            assert_eq!(write.events, [event], "{line}");
        }
    }

    #[test]
    fn json_over_several_lines_is_shown_and_kept() {
        let event = NewEvent::json("Happened", "{\n  \"a\": \"x  y\"\n}");
        assert!(printed(&event).contains(r#""data":{"a":"x  y"},"data_base64":""#));
    }

    #[test]
    fn a_bad_line_is_refused_with_what_is_wrong() {
        let refused = [
            ("{", "at column 1"),
            (r#"{"stream":"a-1"}"#, "missing field `kind`"),
            (r#"{"kind":"A","knid":"B"}"#, "unknown field `knid`"),
            (r#"{"kind":""}"#, "the kind is empty"),
            (r#"{"kind":"A","stream":""}"#, "the stream name is empty"),
            (r#"{"kind":"A","id":"x"}"#, "no event id"),
            (r#"{"kind":"A","data_base64":"?"}"#, "not base64"),
            (r#"{"kind":"A","content_type":"image/png"}"#, "image/png"),
            (r#"{"kind":"A","content_type":"text/plain","data":1}"#, "not a string"),
            (r#"{"kind":"A","schema_version":70000}"#, "70000"),
        ];
        for (line, expected) in refused {
            let message = parse(line.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(expected), "{line}: {message}");
        }
        assert!(parse(b"{\"kind\":\"\xff\"}").unwrap_err().to_string().contains("from byte 10 on"));
    }
}
