//! What the store promised, written where the order of block writes and promises is kept: into the
//! write log of the disk itself, as a write to a sector behind the file system.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::str::FromStr;

use hitherto_store::Position;

use crate::disk::{PROMISES_OFFSET, SECTOR_BYTES};
use crate::load::{Key, THREADS};

/// The append of this key begins at this position: somebody was told so, or has read it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Promise {
    pub(crate) key: Key,
    pub(crate) position: Position,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.position)
    }
}

impl FromStr for Promise {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let position = text.rsplit(' ').next().and_then(|number| number.parse().ok());
        let position = position.ok_or_else(|| format!("{text:?} does not end with a position"))?;
        Ok(Self { key: text.parse()?, position: Position(position) })
    }
}

/// The voice that says when a process begins.
pub(crate) const BEGINNINGS: u64 = 2 * THREADS;
const BEGINNING: &str = "a process begins";

/// What a sector behind the file system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// From here on another process works on the disk.
    Beginning,
    /// This was promised.
    Promise(Promise),
}

impl Word {
    pub(crate) fn from_sector(sector: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(sector).map_err(|error| error.to_string())?;
        match text.trim_end_matches('\0') {
            BEGINNING => Ok(Self::Beginning),
            text => text.parse().map(Self::Promise),
        }
    }

    fn sector(self) -> Vec<u8> {
        let text = match self {
            Self::Beginning => BEGINNING.to_owned(),
            Self::Promise(promise) => promise.to_string(),
        };
        let mut sector = text.into_bytes();
        sector.resize(SECTOR_BYTES, 0);
        sector
    }
}

/// One voice: writes what it says to a sector of its own.
///
/// The writes go past the page cache, so each is in the disk's write log when the call returns.
pub(crate) struct Witness {
    disk: File,
    offset: u64,
    memory: Vec<u8>,
    /// Where in the memory a sector begins that such writes may come from.
    aligned: usize,
}

impl Witness {
    pub(crate) fn new(disk: &Path, voice: u64) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true);
        #[cfg(target_os = "linux")]
        options.custom_flags(libc::O_DIRECT);
        #[cfg(not(target_os = "linux"))]
        options.custom_flags(0);
        let memory = vec![0; 2 * SECTOR_BYTES];
        let aligned = memory.as_ptr().align_offset(SECTOR_BYTES);
        let offset = PROMISES_OFFSET + voice * SECTOR_BYTES as u64;
        Ok(Self { disk: options.open(disk)?, offset, memory, aligned })
    }

    pub(crate) fn promise(&mut self, promise: Promise) -> io::Result<()> {
        self.say(Word::Promise(promise))
    }

    pub(crate) fn say(&mut self, word: Word) -> io::Result<()> {
        let sector = &mut self.memory[self.aligned..][..SECTOR_BYTES];
        sector.copy_from_slice(&word.sector());
        self.disk.write_all_at(sector, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_read_from_its_sector_as_it_was_written() {
        let key = Key { round: 1, thread: 2, number: 3 };
        for word in [Word::Promise(Promise { key, position: Position(44) }), Word::Beginning] {
            assert_eq!(Word::from_sector(&word.sector()), Ok(word));
        }
        assert!(Word::from_sector(&[0; SECTOR_BYTES]).is_err());
    }
}
