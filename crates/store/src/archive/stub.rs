//! What stays here of a log file that was moved to an archive: where it is, and those parts of it
//! that are needed to open it.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use crate::disk::{Disk, DiskFile};
use crate::event::EventId;
use crate::page::PAGE_BYTES;
use crate::planted::{PlantedBug, unless};
use crate::roll;

const MAGIC: &[u8; 8] = b"hithalg1";
/// Bytes before the parts that stay.
const HEADER_BYTES: usize = 4096;
const TEMPORARY: &str = "archived.tmp";
/// What is being moved: only while something is, or after a move that was interrupted.
pub(super) const ANNOUNCED: &str = "archiving";
/// A longer location or name would not fit.
const TEXT_BYTES_MAX: usize = 1500;

/// The name of what stays of the log file with this number.
pub(crate) fn file_name(number: u64) -> String {
    format!("{number:012}.alog")
}

/// A log file that is in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stub {
    pub(crate) store_id: EventId,
    pub(crate) number: u64,
    /// The location of the archive.
    pub(crate) location: String,
    /// The name of the object.
    pub(crate) object: String,
    /// Bytes of the object.
    pub(crate) bytes: u64,
    /// The hash of the object.
    pub(crate) hash: [u8; 32],
    /// Its first bytes that stay here, and from where on its last do.
    pub(crate) start_bytes: u64,
    pub(crate) end_from: u64,
}

impl Stub {
    /// The stub of a log file, if there is one.
    pub(crate) fn open(disk: &dyn Disk, number: u64) -> io::Result<(Self, Arc<dyn DiskFile>)> {
        let file = disk.open(&file_name(number))?;
        let stub = Self::read(&*file)?.filter(|stub| stub.number == number);
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "its stub is damaged");
        Ok((stub.ok_or_else(damaged)?, file))
    }

    /// What a file says of the object, if it is whole.
    fn read(file: &dyn DiskFile) -> io::Result<Option<Self>> {
        let mut header = vec![0; HEADER_BYTES];
        let filled = file.read_at(&mut header, 0)?;
        Ok(Self::decode(&header[..filled]))
    }

    /// Notes durably that an object is about to be put into an archive. Whoever finds the note
    /// knows what may be there that no stub names.
    pub(super) fn announce(&self, disk: &dyn Disk) -> io::Result<()> {
        roll::remove_if_there(disk, TEMPORARY)?;
        let file = disk.create(TEMPORARY)?;
        file.write_at(&self.encode(), 0)?;
        file.sync()?;
        disk.rename(TEMPORARY, ANNOUNCED)?;
        roll::sync_directory(disk)
    }

    /// What was announced last, if that is there.
    pub(super) fn announced(disk: &dyn Disk) -> io::Result<Option<Self>> {
        match disk.open(ANNOUNCED) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            other => Self::read(&*other?),
        }
    }

    /// Writes the stub with the parts of the object that stay here, durably.
    pub(super) fn write(&self, disk: &dyn Disk, object: &dyn DiskFile) -> io::Result<()> {
        roll::remove_if_there(disk, TEMPORARY)?;
        let file = disk.create(TEMPORARY)?;
        for (part, offset) in self.parts() {
            let mut bytes = vec![0; (part.end - part.start) as usize];
            if object.read_at(&mut bytes, part.start)? < bytes.len() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            file.write_at(&bytes, offset)?;
        }
        file.write_at(&self.encode(), 0)?;
        unless(PlantedBug::ForgetBeforeNoting, || file.sync())?;
        disk.rename(TEMPORARY, &file_name(self.number))?;
        roll::sync_directory(disk)
    }

    /// Whether the file was rewritten here since it was moved.
    pub(crate) fn is_superseded(&self) -> bool {
        *self == self.without_events()
    }

    /// The same without what the object has of events: only what says which edition it is.
    pub(super) fn without_events(&self) -> Self {
        Self { start_bytes: PAGE_BYTES as u64, end_from: self.bytes, ..self.clone() }
    }

    /// The parts of the object that stay here, and where in the stub.
    fn parts(&self) -> [(Range<u64>, u64); 2] {
        let start = HEADER_BYTES as u64;
        [(0..self.start_bytes, start), (self.end_from..self.bytes, start + self.start_bytes)]
    }

    /// Where in the stub some bytes of the object stand, and how many of them, if they are here.
    pub(super) fn here(&self, offset: u64, length: u64) -> Option<(u64, u64)> {
        let mut parts = self.parts().into_iter();
        let (part, place) = parts.find(|(part, _)| part.contains(&offset))?;
        Some((place + offset - part.start, length.min(part.end - offset)))
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(self.store_id.as_bytes());
        for number in [self.number, self.bytes, self.start_bytes, self.end_from] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.hash);
        for text in [&self.location, &self.object] {
            bytes.extend_from_slice(&(text.len() as u16).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes.resize(HEADER_BYTES - 4, 0);
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (content, checksum) = bytes.split_at_checked(HEADER_BYTES - 4)?;
        let is_whole = crc32c::crc32c(content).to_le_bytes() == checksum;
        (is_whole && content.starts_with(MAGIC)).then_some(())?;
        let number = |place: usize| {
            let bytes = content.get(place..place + 8)?;
            Some(u64::from_le_bytes(bytes.try_into().ok()?))
        };
        let text = |place: usize| {
            let length = u16::from_le_bytes(content.get(place..place + 2)?.try_into().ok()?);
            let end = place + 2 + usize::from(length);
            let text = std::str::from_utf8(content.get(place + 2..end)?).ok()?;
            Some((text.to_owned(), end))
        };
        let (location, end) = text(88)?;
        let (object, _) = text(end)?;
        Some(Self {
            store_id: EventId::from_bytes(content.get(8..24)?.try_into().ok()?),
            number: number(24)?,
            bytes: number(32)?,
            start_bytes: number(40)?,
            end_from: number(48)?,
            hash: content.get(56..88)?.try_into().ok()?,
            location,
            object,
        })
    }

    /// Whether the texts of a stub would fit.
    pub(super) fn fits(location: &str, object: &str) -> bool {
        location.len() <= TEXT_BYTES_MAX && object.len() <= TEXT_BYTES_MAX
    }
}
