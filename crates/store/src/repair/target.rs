//! The new store, written from its first log file on; the name `format` is made last, and before
//! that it is no store.

use std::sync::Arc;

use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Result};
use crate::event::Position;
use crate::load::disk_error;
use crate::log::{
    Expected, FRAME_HEADER_BYTES, FileHeader, Found, Frame, FrameHeader, FrameKind, HEADER_BYTES,
    Identity, LossBefore, Scan,
};
use crate::{open, roll};

/// Bytes that are written at once.
const WRITE_BYTES: usize = 1 << 20;

/// A store that is being written.
pub(super) struct Target {
    disk: Arc<dyn Disk>,
    identity: Identity,
    /// Where the next frame goes, and what it follows.
    end: Expected,
    /// The number of the last file that was begun.
    number: u64,
    file: Option<NewLog>,
    /// Whether the next file begins behind the lost end of a log.
    is_open_ended: bool,
}

/// A log file while it is written.
struct NewLog {
    file: Arc<dyn DiskFile>,
    header: FileHeader,
    /// What is not written yet.
    bytes: Vec<u8>,
    written: u64,
}

fn failed() -> impl FnOnce(std::io::Error) -> Error {
    disk_error("the new store could not be written: see that its disk has room")
}

impl Target {
    pub(super) fn new(disk: Arc<dyn Disk>, identity: Identity) -> Self {
        Self { disk, identity, end: start_of_log(), number: 0, file: None, is_open_ended: false }
    }

    /// Writes a commit as it was, in a batch of its own. Behind a gap it begins a new file, so that
    /// no index spans the gap.
    pub(super) fn commit(&mut self, frame: &Frame) -> Result<()> {
        if self.file.is_none() || frame.header.first_position != self.end.position {
            self.begin_file(frame.header.first_position)?;
        }
        self.end.time = frame.header.recorded_at;
        self.push(FrameKind::Commit, frame.body(), frame.header.event_count);
        self.file().write_if_many()
    }

    /// Lets the next commit begin a new file, so that files stay of the size that they had.
    pub(super) fn end_file(&mut self) -> Result<()> {
        if self.file.is_some() { self.finish_file(FrameKind::Roll) } else { Ok(()) }
    }

    /// Notes that the end of a log was lost here, nobody knows how much of it.
    pub(super) fn note_open_end(&mut self) -> Result<()> {
        self.is_open_ended = true;
        self.end_file()
    }

    /// Ends the store before a position, and makes it one.
    pub(super) fn finish(mut self, next: Position) -> Result<()> {
        if self.file.is_none() || next != self.end.position {
            self.begin_file(next)?;
        }
        self.finish_file(FrameKind::Close)?;
        self.disk.sync_directory().map_err(failed())?;
        open::write_format(&*self.disk, &self.identity).map_err(failed())
    }

    fn file(&mut self) -> &mut NewLog {
        self.file.as_mut().expect("a file was begun")
    }

    fn begin_file(&mut self, first_position: Position) -> Result<()> {
        self.end_file()?;
        self.number += 1;
        let (store_id, chain) = (self.identity.store_id, self.end.chain.unwrap_or(0));
        let header = FileHeader {
            store_id,
            number: self.number,
            nonce: roll::nonce(store_id, self.number, chain),
            first_position,
            first_batch: self.end.batch + 1,
            previous_end: self.end.offset,
            previous_chain: chain,
            previous_time: self.end.time,
            allocated: 0, // known when it is full
            loss_before: LossBefore {
                positions: first_position.0 - self.end.position.0,
                is_open_ended: std::mem::take(&mut self.is_open_ended),
            },
        };
        let file = self.disk.create(&FileHeader::file_name(self.number)).map_err(failed())?;
        self.file = Some(NewLog { file, header, bytes: Vec::new(), written: HEADER_BYTES });
        self.end = Expected::at_start_of(&header);
        Ok(())
    }

    /// Adds a frame behind the last one.
    fn push(&mut self, kind: FrameKind, body: &[u8], event_count: u32) {
        let header = FrameHeader {
            kind,
            body_len: body.len() as u32,
            batch: self.end.batch + 1,
            first_position: self.end.position,
            event_count,
            frames_left: 0,
            recorded_at: self.end.time,
            chain: 0,
            body_checksum: crc32c::crc32c(body),
        };
        let previous = self.end.chain.expect("it is known what the frame follows");
        let log = self.file();
        let start = log.bytes.len();
        log.bytes.resize(start + FRAME_HEADER_BYTES, 0);
        let chain = header.encode(previous, log.header.nonce, &mut log.bytes[start..]);
        log.bytes.extend_from_slice(body);
        self.end.chain = Some(chain);
        self.end.offset += header.frame_len();
        self.end.batch += 1;
        self.end.position = Position(self.end.position.0 + u64::from(event_count));
    }

    /// Ends a file with a mark; the file after it goes on where the mark begins.
    fn finish_file(&mut self, mark: FrameKind) -> Result<()> {
        let end = self.end;
        self.push(mark, &[], 0);
        let log = self.file.take().expect("a file was begun");
        let header = log.finish().map_err(failed())?;
        let (file, marked) = (log.file, std::mem::replace(&mut self.end, end));
        check_written(&*file, &header, &marked)
    }
}

impl NewLog {
    fn write_if_many(&mut self) -> Result<()> {
        if self.bytes.len() < WRITE_BYTES {
            return Ok(());
        }
        self.file.write_at(&self.bytes, self.written).map_err(failed())?;
        self.written += self.bytes.len() as u64;
        self.bytes.clear();
        Ok(())
    }

    /// Writes what is left, then the header, and makes both durable.
    fn finish(&self) -> std::io::Result<FileHeader> {
        self.file.write_at(&self.bytes, self.written)?;
        let allocated = self.written + self.bytes.len() as u64;
        let header = FileHeader { allocated, ..self.header };
        self.file.write_at(&header.encode(), 0)?;
        self.file.sync()?;
        Ok(header)
    }
}

/// Before the first file of a log.
pub(super) fn start_of_log() -> Expected {
    Expected {
        offset: 0,
        chain: Some(0),
        batch: 0,
        frames_left: 0,
        position: Position(1),
        time: crate::Timestamp::default(),
    }
}

/// Reads a file again: a repair that writes damage would be worse than none.
fn check_written(file: &dyn DiskFile, header: &FileHeader, end: &Expected) -> Result<()> {
    let mut scan = Scan::new(file, header, Expected::at_start_of(header), end.offset);
    while let Found::Frame(_) = scan.next_frame().map_err(failed())? {}
    if scan.expected == *end {
        return Ok(());
    }
    let name = FileHeader::file_name(header.number);
    Err(Error::unavailable(format!(
        "{name} of the new store is not what was written: see that its disk is well, and repair to \
         another place"
    )))
}
