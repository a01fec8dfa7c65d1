//! A log file without what was removed: the same bytes at the same offsets, but for stubs in the
//! place of removed events.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::disk::DiskFile;
use crate::error::Result;
use crate::event::Position;
use crate::log::{
    Edition, Expected, FRAME_HEADER_BYTES, FileHeader, Found, Frame, HEADER_BYTES, LogFile, Scan,
    mark_removed,
};
use crate::pace::{Pace, Paced};
use crate::record::Recorded;
use crate::retention::View;
use crate::shared::Shared;

use super::{Scavenged, used_bytes};

/// Removes from a file what a view hides.
pub(super) fn without_removed(
    shared: &Shared,
    log: &LogFile,
    view: &mut View,
    pace: &Pace,
) -> Result<Scavenged> {
    let unreadable = |error| log.unreadable(0, error);
    let file: Arc<dyn DiskFile> = log.file().map_err(unreadable)?;
    let mut bytes = vec![0; HEADER_BYTES as usize];
    let filled = file.read_at(&mut bytes, 0).map_err(unreadable)?;
    let header = FileHeader::decode(&bytes[..filled])
        .ok_or_else(|| log.damaged(0, "its header is damaged"))?;
    let paced = Paced { file: &*file, pace };
    let mut edits = Edits::new(header.nonce, view.now.position);
    let mut scan = Scan::new(&paced, &header, Expected::at_start_of(&header), used_bytes(log));
    loop {
        match scan.next_frame().map_err(unreadable)? {
            Found::End => break,
            // Nothing that is damaged is written again, with checksums that fit.
            Found::Nothing(why) => return Err(log.damaged(scan.expected.offset, why)),
            Found::Frame(frame) => edits.note(shared, &frame, view)?,
        }
    }
    if edits.records.is_empty() {
        return Ok(Scavenged::default());
    }
    let before = log.form()?.bytes;
    let edition = Edition { removed: edits.removed, number: log.edition()?.number + 1 };
    let events = edits.records.len() as u64;
    let edited = Edited { file: &paced, edits };
    log.replace(shared.compressing(pace.stop()), edition, &edited)?;
    Ok(Scavenged { files: 1, events, bytes_before: before, bytes_after: log.form()?.bytes })
}

/// What changes in a file.
struct Edits {
    nonce: u64,
    removed_by: Position,
    /// Events that are removed now, in order.
    records: Vec<Removal>,
    /// Where the frames of these begin.
    frames: Vec<u64>,
    /// Events that are removed then, those of earlier times too.
    removed: u64,
}

struct Removal {
    offset: u64,
    room: u64,
    position: Position,
}

impl Edits {
    fn new(nonce: u64, removed_by: Position) -> Self {
        Self { nonce, removed_by, records: Vec::new(), frames: Vec::new(), removed: 0 }
    }

    fn note(&mut self, shared: &Shared, frame: &Frame, view: &mut View) -> Result<()> {
        let before = self.records.len();
        for event in frame.events() {
            let (event, offset) = event?;
            if event.is_removed() {
                self.removed += 1;
            } else if event.fits_stub() && view.hides(shared, &event)? {
                let room = event.room() as u64;
                self.records.push(Removal { offset, room, position: event.position() });
                self.removed += 1;
            }
        }
        if self.records.len() > before {
            self.frames.push(frame.offset);
        }
        Ok(())
    }
}

/// A file as it is to be written.
struct Edited<'file> {
    file: &'file Paced<'file>,
    edits: Edits,
}

impl Edited<'_> {
    /// The header of a frame of which events are removed.
    fn frame_header(&self, offset: u64) -> io::Result<Vec<u8>> {
        let mut header = self.read(offset, FRAME_HEADER_BYTES)?;
        mark_removed(&mut header, self.edits.nonce);
        Ok(header)
    }

    /// What stands in the place of a removed event.
    fn stub(&self, removal: &Removal) -> io::Result<Vec<u8>> {
        let record = Bytes::from(self.read(removal.offset, removal.room as usize)?);
        let damaged = |_| io::Error::from(io::ErrorKind::InvalidData);
        let event = Recorded::decode(removal.position, record).map_err(damaged)?;
        let stub = event.to_stub(self.edits.removed_by).ok_or(io::ErrorKind::InvalidData)?;
        let mut bytes = stub.as_stored().to_vec();
        bytes.resize(removal.room as usize, 0);
        Ok(bytes)
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        // Without a rest: it stands around what was read with one.
        let filled = self.file.file.read_at(&mut bytes, offset)?;
        if filled < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
    }
}

impl DiskFile for Edited<'_> {
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let filled = self.file.read_at(buffer, offset)?;
        let end = offset + filled as u64;
        let Edits { frames, records, .. } = &self.edits;
        let header = FRAME_HEADER_BYTES as u64;
        let from = frames.partition_point(|frame| frame + header <= offset);
        for frame in frames[from..].iter().take_while(|&&frame| frame < end) {
            put_over(&mut buffer[..filled], offset, &self.frame_header(*frame)?, *frame);
        }
        let from = records.partition_point(|it| it.offset + it.room <= offset);
        for removal in records[from..].iter().take_while(|it| it.offset < end) {
            put_over(&mut buffer[..filled], offset, &self.stub(removal)?, removal.offset);
        }
        Ok(filled)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Puts as much of `bytes`, which stand at `at`, into a buffer as it covers.
fn put_over(buffer: &mut [u8], start: u64, bytes: &[u8], at: u64) {
    let from = at.max(start);
    let to = (at + bytes.len() as u64).min(start + buffer.len() as u64);
    if from < to {
        let part = &bytes[(from - at) as usize..(to - at) as usize];
        buffer[(from - start) as usize..(to - start) as usize].copy_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_put_where_they_overlap_a_buffer() {
        for (at, expected) in [(7, *b"c...."), (8, *b"bc..."), (11, *b".abc."), (14, *b"....a")] {
            let mut buffer = *b".....";
            put_over(&mut buffer, 10, b"abc", at + u64::from(at < 9));
            assert_eq!(buffer, expected, "{at}");
        }
    }
}
