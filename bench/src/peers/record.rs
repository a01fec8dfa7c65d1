//! An event as the bytes of one value, for the stores that only know keys and values.

use std::hint::black_box;

use super::New;

/// Fields in this order, each behind its length: stream, kind, id, payload, metadata. Then the
/// version.
pub(super) fn encode(event: &New<'_>) -> Vec<u8> {
    let sample = &event.sample;
    let id = sample.id.as_bytes();
    let fields: [&[u8]; 5] =
        [event.stream.as_bytes(), sample.kind.as_bytes(), id, &sample.payload, &sample.metadata];
    let mut bytes = Vec::with_capacity(400);
    for field in fields {
        let length = u32::try_from(field.len()).expect("samples are small");
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(field);
    }
    bytes.extend_from_slice(&(event.before + 1).to_le_bytes());
    bytes
}

/// Finds every part that a caller would look at.
pub(super) fn look_at(position: u64, bytes: &[u8]) {
    let (stream, rest) = field(bytes);
    let (kind, rest) = field(rest);
    let (id, rest) = field(rest);
    let (payload, rest) = field(rest);
    let (metadata, version) = field(rest);
    let names = [stream, kind].map(|name| std::str::from_utf8(name).expect("it was text before"));
    black_box((position, names, id, payload, metadata, version));
}

fn field(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (length, rest) = bytes.split_at(4);
    let length = u32::from_le_bytes(length.try_into().expect("it was split at 4"));
    rest.split_at(length as usize)
}
