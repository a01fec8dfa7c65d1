//! Reads the frames of a log file one after another and believes none of them.

use std::io;

use bytes::Bytes;

use super::frame::{self, BODY_BYTES_MAX, FRAME_HEADER_BYTES, FrameHeader, FrameKind};
use super::header::{FileHeader, HEADER_BYTES};
use super::holes::{is_damage, read_with_holes};
use crate::disk::DiskFile;
use crate::event::{Position, Timestamp};
use crate::planted::checksum_fits;
use crate::record::{self, Recorded};

/// Bytes that are read at once at first: who looks whether there is more at an end finds nothing,
/// mostly.
const WINDOW_BYTES_MIN: usize = 16 << 10;
/// And after some reads.
const WINDOW_BYTES: usize = 1 << 20;

/// Where a scan stands, and what the frame there must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) offset: u64,
    /// Unknown behind a damage.
    pub(crate) chain: Option<u64>,
    pub(crate) batch: u64,
    /// Frames of that batch still to come; 0 if the next frame begins a batch.
    pub(crate) frames_left: u32,
    pub(crate) position: Position,
    pub(crate) time: Timestamp,
}

impl Expected {
    /// Before the first frame of a file.
    pub(crate) fn at_start_of(header: &FileHeader) -> Self {
        Self {
            offset: HEADER_BYTES,
            chain: Some(header.first_chain()),
            batch: header.first_batch.saturating_sub(1),
            frames_left: 0,
            position: header.first_position,
            time: header.previous_time,
        }
    }

    /// The batch that the next frame belongs to.
    pub(crate) fn next_batch(&self) -> u64 {
        if self.frames_left > 0 { self.batch } else { self.batch + 1 }
    }
}

/// What stands at a place of the file.
#[derive(Debug)]
pub(crate) enum Found {
    /// A whole frame that follows the one before.
    Frame(Frame),
    /// No such frame, and why.
    Nothing(&'static str),
    /// The end that was given.
    End,
}

/// A whole frame.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) header: FrameHeader,
    pub(crate) offset: u64,
    body: Bytes,
}

impl Frame {
    /// The records of its events, each padded to a multiple of 8 bytes.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The events of the frame with their offsets in the file, each checked again by its own
    /// checksum.
    pub(crate) fn events(&self) -> impl Iterator<Item = crate::Result<(Recorded, u64)>> + '_ {
        let mut rest = self.body.clone();
        let mut position = self.header.first_position;
        let mut offset = self.offset + FRAME_HEADER_BYTES as u64;
        (0..self.header.event_count).map(move |_| {
            let event = Recorded::decode(position, rest.clone())?;
            let length = record::peek_room(&rest).unwrap_or(0).min(rest.len());
            let start = offset;
            rest = rest.slice(length..);
            offset += length as u64;
            position = position.next();
            Ok((event, start))
        })
    }
}

/// A walk over the frames of one file, up to a given end.
pub(crate) struct Scan<'file> {
    file: &'file dyn DiskFile,
    nonce: u64,
    end: u64,
    window: Bytes,
    window_start: u64,
    /// Bytes that are read next.
    window_bytes: usize,
    /// What the next frame must look like.
    pub(crate) expected: Expected,
}

impl<'file> Scan<'file> {
    pub(crate) fn new(
        file: &'file dyn DiskFile,
        header: &FileHeader,
        expected: Expected,
        end: u64,
    ) -> Self {
        let (nonce, window, window_start) = (header.nonce, Bytes::new(), 0);
        Self { file, nonce, end, window, window_start, window_bytes: WINDOW_BYTES_MIN, expected }
    }

    /// The next frame. After a whole one the scan stands behind it, else where it stood.
    pub(crate) fn next_frame(&mut self) -> io::Result<Found> {
        let offset = self.expected.offset;
        if offset >= self.end {
            return Ok(Found::End);
        }
        let bytes = self.bytes(offset, FRAME_HEADER_BYTES)?;
        let Some(header) = FrameHeader::decode(&bytes, self.nonce) else {
            return Ok(Found::Nothing("there is no frame"));
        };
        if let Err(why) = self.check(&header, &bytes) {
            return Ok(Found::Nothing(why));
        }
        let body = self.bytes(offset + FRAME_HEADER_BYTES as u64, header.body_len as usize)?;
        // Where events were removed, the others are told to be whole by their own checksums.
        let is_whole = body.len() == header.body_len as usize
            && (frame::has_removed(&bytes)
                || checksum_fits(header.body_checksum, crc32c::crc32c(&body)));
        if !is_whole {
            return Ok(Found::Nothing("the frame's body does not fit its checksum"));
        }
        let frame = Frame { header, offset, body };
        if let Some(Err(_)) = frame.events().find(Result::is_err) {
            return Ok(Found::Nothing("an event in the frame is damaged"));
        }
        self.expected = Self::behind(&frame);
        Ok(Found::Frame(frame))
    }

    fn check(&self, header: &FrameHeader, bytes: &[u8]) -> Result<(), &'static str> {
        let expected = &self.expected;
        if header.batch != expected.next_batch() || header.first_position != expected.position {
            return Err("the frame is out of order");
        }
        if expected.chain.is_some_and(|chain| !header.follows(chain, bytes)) {
            return Err("the frame does not follow the one before it");
        }
        let fits = expected.offset + header.frame_len() <= self.end;
        let is_commit = header.kind == FrameKind::Commit;
        if header.body_len as usize > BODY_BYTES_MAX
            || !fits
            || is_commit == (header.event_count == 0)
        {
            return Err("the frame's lengths cannot be");
        }
        if header.recorded_at < expected.time {
            return Err("the frame's time goes back");
        }
        Ok(())
    }

    fn behind(frame: &Frame) -> Expected {
        let header = &frame.header;
        Expected {
            offset: frame.offset + header.frame_len(),
            chain: Some(header.chain),
            batch: header.batch,
            frames_left: header.frames_left,
            position: Position(header.first_position.0 + u64::from(header.event_count)),
            time: header.recorded_at,
        }
    }

    /// Looks behind a place without a frame for the next whole frame header of `batch` or a later
    /// one. Steps over copies of what stands before that place: a write that went astray may have
    /// left them there.
    ///
    /// Does not move the scan.
    pub(crate) fn find_later_frame(
        &mut self,
        batch: u64,
    ) -> io::Result<Option<(u64, FrameHeader)>> {
        self.find_behind(|_, header| header.batch >= batch)
    }

    /// The next whole frame header behind a place without a frame that is what is looked for.
    fn find_behind(
        &mut self,
        mut is_it: impl FnMut(u64, &FrameHeader) -> bool,
    ) -> io::Result<Option<(u64, FrameHeader)>> {
        let mut offset = self.expected.offset + 8;
        while offset + FRAME_HEADER_BYTES as u64 <= self.end {
            let window = self.bytes(offset, WINDOW_BYTES)?;
            let places = (0..window.len().saturating_sub(FRAME_HEADER_BYTES - 1)).step_by(8);
            for place in places.filter(|&place| window[place] == b'H') {
                let header = FrameHeader::decode(&window[place..], self.nonce);
                let header =
                    header.filter(|header| header.first_position >= self.expected.position);
                let place = offset + place as u64;
                if let Some(header) = header.filter(|header| is_it(place, header)) {
                    return Ok(Some((place, header)));
                }
            }
            if window.len() < FRAME_HEADER_BYTES {
                break;
            }
            offset += (window.len() - FRAME_HEADER_BYTES + 8) as u64;
        }
        Ok(None)
    }

    /// At a place without a frame in the last file: where the log goes on all the same, if
    /// something shows that it does. A frame of the batch that should stand here shows nothing,
    /// because all of that may be torn; but one of a later batch does, and so does the very frame
    /// that should stand here: what was read last is a copy then, which a write that went astray
    /// has left.
    pub(crate) fn find_proof_of_more(&mut self) -> io::Result<Option<(u64, FrameHeader)>> {
        let (batch, position) = (self.expected.next_batch(), self.expected.position);
        let mut same = None;
        // All that is left of the file is looked through, and only once.
        let later = self.find_behind(|offset, header| {
            if header.batch == batch {
                same.get_or_insert((offset, *header));
            }
            header.batch > batch
        })?;
        let same = same.filter(|(_, header)| header.first_position == position);
        Ok(later.or(same))
    }

    /// The events before the damage of a frame whose header is whole: what nobody may save, and
    /// only a planted bug does.
    pub(crate) fn half_frame(&mut self) -> io::Result<Option<Frame>> {
        let offset = self.expected.offset;
        let bytes = self.bytes(offset, FRAME_HEADER_BYTES)?;
        let header = FrameHeader::decode(&bytes, self.nonce);
        let Some(header) = header.filter(|header| self.check(header, &bytes).is_ok()) else {
            return Ok(None);
        };
        let body = self.bytes(offset + FRAME_HEADER_BYTES as u64, header.body_len as usize)?;
        let mut frame = Frame { header, offset, body };
        let whole = frame.events().take_while(Result::is_ok).count();
        let length = |at: usize| record::peek_room(&frame.body[at..]).unwrap_or(0);
        let end = (0..whole).fold(0, |at, _| at + length(at));
        frame.body.truncate(end);
        frame.header.event_count = whole as u32;
        Ok((whole > 0).then_some(frame))
    }

    /// Goes on at a frame that was found behind a damage; what it follows is unknown.
    pub(crate) fn resume_at(&mut self, offset: u64, header: &FrameHeader) {
        self.expected = Expected {
            offset,
            chain: None,
            batch: header.batch.saturating_sub(1),
            frames_left: 0,
            position: header.first_position,
            time: self.expected.time,
        };
    }

    /// Forgets what was read ahead: somebody may have written meanwhile.
    pub(crate) fn forget_window(&mut self) {
        self.window = Bytes::new();
    }

    /// Bytes of the file from an offset, as many as there are up to `length` and the scan's end.
    fn bytes(&mut self, offset: u64, length: usize) -> io::Result<Bytes> {
        let length = length.min((self.end - offset) as usize);
        let inside = offset.checked_sub(self.window_start).map(|start| start as usize);
        if let Some(start) = inside.filter(|start| start + length <= self.window.len()) {
            return Ok(self.window.slice(start..start + length));
        }
        let wanted = length.max(self.window_bytes).min((self.end - offset) as usize);
        self.window_bytes = (4 * self.window_bytes).min(WINDOW_BYTES);
        let mut window = vec![0; wanted];
        // A block that does not decode ends no scan: no frame stands there.
        let filled = read_with_holes(self.file, &mut window, offset, is_damage)?;
        window.truncate(filled);
        self.window = window.into();
        self.window_start = offset;
        Ok(self.window.slice(..length.min(filled)))
    }
}
