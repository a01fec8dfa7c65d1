//! Writes what a compressed file has twice: see [`gathered`](super::gathered).

use std::io;
use std::sync::atomic::Ordering;

use super::gathered::{Entry, NUMBER_BYTES, Place, Section, hash_of};
use super::write::{Blocks, Compressing};
use super::{BLOCK_BYTES, damaged};
use crate::disk::DiskFile;
use crate::log::{Expected, FileHeader, Found, Frame, HEADER_BYTES, Scan};
use crate::sync::AtomicBool;

/// Bytes that events of one stream take in a block, unless one of them takes more.
const PIECE_BYTES: usize = 4096;
/// Bytes up to which other streams join them: who loads one decodes the others with it.
const SHARED_BYTES: usize = 2048;
/// Events that take more than this gain nothing.
const RECORD_BYTES_MAX: usize = 16 << 10;
/// Bytes of compressed blocks that are written at once.
const PACKED_BYTES: usize = 256 << 10;
/// How many events are sorted at once, so that a file of many takes no more memory than one of few:
/// 6 MiB at most. The others are not gathered.
const EVENTS_AT_ONCE_MAX: usize = 3 << 17;
/// A file of more is read once for each share of about so many.
const EVENTS_OF_SHARE: usize = 300_000;
/// Of a file of very many small events the others are not gathered.
const SHARES_MAX: u64 = 16;

/// What was gathered.
#[derive(Default)]
pub(super) struct Gathering {
    pub(super) section: Section,
    pub(super) entries: Vec<Entry>,
}

/// An event that may be gathered, where it starts, in units of 8 bytes, and its length.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    place: Place,
    start: u32,
    bytes: u16,
}

impl Candidate {
    fn offset(&self) -> u64 {
        u64::from(self.start) * 8
    }

    fn block(&self) -> u64 {
        self.offset() / BLOCK_BYTES as u64
    }
}

/// Gathers the events of streams that have several in a file, far apart.
pub(super) fn gather(
    raw: &dyn DiskFile,
    blocks: &mut Blocks<'_>,
    (compressing, nonce): (Compressing<'_>, u64),
) -> io::Result<Gathering> {
    let Some(header) = header_of(raw)?.filter(|_| compressing.gathers) else {
        return Ok(Gathering::default());
    };
    let file = File { raw, header, nonce, stop: compressing.stop };
    let mut writer = Writer::new(blocks);
    let (all, count) = file.candidates(|_| true)?;
    if count <= EVENTS_AT_ONCE_MAX {
        writer.put_streams(&file, all)?;
    } else {
        drop(all);
        let shares = count.div_ceil(EVENTS_OF_SHARE) as u64;
        for share in 0..shares.min(SHARES_MAX) {
            let is_of_share = |hash: u32| (u64::from(hash) * shares) >> 32 == share;
            writer.put_streams(&file, file.candidates(is_of_share)?.0)?;
        }
    }
    let entries = writer.finish()?;
    let blocks = entries.len() as u32;
    let section = Section { table: 0, blocks, first_position: file.header.first_position };
    Ok(Gathering { section, entries })
}

fn header_of(raw: &dyn DiskFile) -> io::Result<Option<FileHeader>> {
    let mut bytes = vec![0; HEADER_BYTES as usize];
    let filled = raw.read_at(&mut bytes, 0)?;
    Ok(FileHeader::decode(&bytes[..filled]))
}

/// Whether a load of these events reads blocks that have others between them.
fn is_scattered(events: &[Candidate]) -> bool {
    let blocks = events.chunk_by(|one, other| one.block() == other.block()).count() as u64;
    let span = events[events.len() - 1].block() - events[0].block() + 1;
    blocks > 1 && 2 * blocks <= span
}

/// The log file that is compressed.
struct File<'file> {
    raw: &'file dyn DiskFile,
    header: FileHeader,
    nonce: u64,
    stop: &'file AtomicBool,
}

impl File<'_> {
    fn leave_off_if_told(&self) -> io::Result<()> {
        let is_told = self.stop.load(Ordering::Relaxed);
        if is_told { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }

    /// The events of streams with such hashes, or the first of them if there are more than fit, and
    /// how many there are. Ends at the first damage: what is behind it is not gathered.
    fn candidates(&self, is_wanted: impl Fn(u32) -> bool) -> io::Result<(Vec<Candidate>, usize)> {
        let start = Expected::at_start_of(&self.header);
        let mut scan = Scan::new(self.raw, &self.header, start, self.raw.len()?);
        let (mut candidates, mut count) = (Vec::new(), 0);
        while let Found::Frame(frame) = scan.next_frame()? {
            self.leave_off_if_told()?;
            let found = self.candidates_of(&frame).filter(|event| is_wanted(event.place.stream));
            for event in found {
                count += 1;
                if count <= EVENTS_AT_ONCE_MAX {
                    candidates.push(event);
                }
            }
        }
        Ok((candidates, count))
    }

    /// The events of a frame that are there, have a stream, and are not too large.
    fn candidates_of(&self, frame: &Frame) -> impl Iterator<Item = Candidate> {
        let first = self.header.first_position.0;
        frame.events().filter_map(move |event| {
            let (event, offset) = event.ok()?;
            let bytes = event.stored_bytes();
            if event.is_removed() || bytes > RECORD_BYTES_MAX {
                return None;
            }
            let stream = hash_of(event.stream()?, self.nonce);
            let number = u32::try_from(event.position().0.checked_sub(first)?).ok()?;
            let start = u32::try_from(offset / 8).ok()?;
            let place = Place { stream, event: number };
            Some(Candidate { place, start, bytes: bytes as u16 })
        })
    }

    /// Adds the number of an event and its record.
    fn read(&self, event: &Candidate, out: &mut Vec<u8>) -> io::Result<()> {
        self.leave_off_if_told()?;
        out.extend_from_slice(&event.place.event.to_le_bytes());
        let start = out.len();
        out.resize(start + usize::from(event.bytes), 0);
        let filled = self.raw.read_at(&mut out[start..], event.offset())?;
        if start + filled < out.len() { Err(damaged("an event is cut")) } else { Ok(()) }
    }
}

/// Writes blocks of events that come in the order of their places.
struct Writer<'blocks, 'file> {
    blocks: &'blocks mut Blocks<'file>,
    entries: Vec<Entry>,
    /// The block that is being filled.
    block: Piece,
    /// Events of one stream that stay together.
    piece: Piece,
    packed: Vec<u8>,
}

/// Events that stand in one block.
#[derive(Default)]
struct Piece {
    first: Option<Place>,
    bytes: Vec<u8>,
}

impl Piece {
    fn has_room_for(&self, bytes: usize, bytes_max: usize) -> bool {
        self.bytes.is_empty() || self.bytes.len() + bytes <= bytes_max
    }

    fn clear(&mut self) {
        self.first = None;
        self.bytes.clear();
    }
}

impl<'blocks, 'file> Writer<'blocks, 'file> {
    fn new(blocks: &'blocks mut Blocks<'file>) -> Self {
        let (block, piece) = (Piece::default(), Piece::default());
        Self { blocks, entries: Vec::new(), block, piece, packed: Vec::new() }
    }

    /// Puts the streams that are scattered.
    fn put_streams(&mut self, file: &File<'_>, mut events: Vec<Candidate>) -> io::Result<()> {
        events.sort_unstable();
        let streams = events.chunk_by(|one, other| one.place.stream == other.place.stream);
        streams.filter(|events| is_scattered(events)).try_for_each(|it| self.put_stream(file, it))
    }

    fn put_stream(&mut self, file: &File<'_>, events: &[Candidate]) -> io::Result<()> {
        for event in events {
            if !self.piece.has_room_for(NUMBER_BYTES + usize::from(event.bytes), PIECE_BYTES) {
                self.finish_piece()?;
            }
            self.piece.first = self.piece.first.or(Some(event.place));
            file.read(event, &mut self.piece.bytes)?;
        }
        self.finish_piece()
    }

    fn finish_piece(&mut self) -> io::Result<()> {
        if !self.block.has_room_for(self.piece.bytes.len(), SHARED_BYTES) {
            self.finish_block()?;
        }
        self.block.first = self.block.first.or(self.piece.first);
        self.block.bytes.extend_from_slice(&self.piece.bytes);
        self.piece.clear();
        Ok(())
    }

    fn finish_block(&mut self) -> io::Result<()> {
        let Some(first) = self.block.first else { return Ok(()) };
        let packed_bytes = self.blocks.compress(&self.block.bytes, &mut self.packed);
        self.entries.push(Entry { first, packed_bytes, bytes: self.block.bytes.len() as u16 });
        self.block.clear();
        if self.packed.len() >= PACKED_BYTES { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> io::Result<()> {
        self.blocks.write(&self.packed)?;
        self.packed.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<Vec<Entry>> {
        self.finish_block()?;
        self.write()?;
        Ok(self.entries)
    }
}
