//! How far scrubbing is and what it found: a small file of text that may be deleted at any time.

use std::fmt::Write as _;
use std::io;

use crate::disk::Disk;
use crate::event::{EventId, Timestamp};
use crate::roll::remove_if_there;
use crate::verify::Damage;

/// The file.
pub(crate) const FILE: &str = "scrubbed";
const TEMPORARY: &str = "scrubbed.tmp";
const TITLE: &str = "hitherto scrub 1";
/// A longer file is not of this version.
const BYTES_MAX: u64 = 64 << 10;
/// More damages than this are not noted: `verify` knows them all.
const DAMAGES_MAX: usize = 64;

/// What is known of scrubbing. Nothing is lost with it but time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// When the last round that came to its end ended.
    pub(crate) ended: Option<Timestamp>,
    /// When the round began that is under way.
    pub(crate) begun: Option<Timestamp>,
    /// The number of the log file where that goes on.
    pub(crate) next: u64,
    /// Bytes of log files that it has read.
    pub(crate) bytes: u64,
    /// What is damaged, as far as each file was looked at last.
    pub(crate) damages: Vec<Damage>,
}

impl State {
    /// What was noted about a store, if there is anything.
    pub(crate) fn read(disk: &dyn Disk, store_id: EventId) -> Option<Self> {
        let file = disk.open(FILE).ok()?;
        let length = file.len().ok().filter(|&length| length <= BYTES_MAX)?;
        let mut bytes = vec![0; length as usize];
        let filled = file.read_at(&mut bytes, 0).ok()?;
        Self::decode(std::str::from_utf8(&bytes[..filled]).ok()?, store_id)
    }

    /// Notes it. Not synced: an older note only has something read again.
    pub(crate) fn write(&self, disk: &dyn Disk, store_id: EventId) -> io::Result<()> {
        remove_if_there(disk, TEMPORARY)?;
        disk.create(TEMPORARY)?.write_at(self.encode(store_id).as_bytes(), 0)?;
        disk.rename(TEMPORARY, FILE)
    }

    /// Puts what a look at a file has found in the place of what one before had.
    pub(crate) fn found(&mut self, file: &str, found: Vec<Damage>) {
        self.damages.retain(|damage| damage.file != file);
        self.damages.extend(found);
        self.damages.truncate(DAMAGES_MAX);
    }

    fn encode(&self, store_id: EventId) -> String {
        let Self { ended, begun, next, bytes, damages } = self;
        let moment = |time: &Option<Timestamp>| {
            time.map_or_else(|| "never".to_owned(), |time| time.as_nanos().to_string())
        };
        let (ended, begun) = (moment(ended), moment(begun));
        let mut text = format!(
            "{TITLE}\nstore {store_id}\nended {ended}\nbegun {begun}\nnext {next}\nbytes {bytes}\n"
        );
        for Damage { file, offset, what, .. } in damages {
            // Writing into a text does not fail.
            let _ = writeln!(text, "damage {file} {offset} {}", what.replace('\n', " "));
        }
        let checksum = crc32c::crc32c(text.as_bytes());
        let _ = writeln!(text, "checksum {checksum}");
        text
    }

    fn decode(text: &str, store_id: EventId) -> Option<Self> {
        let (body, checksum) = text.strip_suffix('\n')?.rsplit_once("\nchecksum ")?;
        let body = format!("{body}\n");
        if checksum.parse() != Ok(crc32c::crc32c(body.as_bytes())) {
            return None;
        }
        let mut lines = body.lines();
        let mut line = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        (line("hitherto") == TITLE.strip_prefix("hitherto ")).then_some(())?;
        (line("store")? == store_id.to_string()).then_some(())?;
        let (ended, begun) = (moment(line("ended")?), moment(line("begun")?));
        let (next, bytes) = (line("next")?.parse().ok()?, line("bytes")?.parse().ok()?);
        let damages = lines.map(damage).collect::<Option<_>>()?;
        Some(Self { ended, begun, next, bytes, damages })
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().map(Timestamp::from_nanos)
}

fn damage(line: &str) -> Option<Damage> {
    let mut words = line.strip_prefix("damage ")?.splitn(3, ' ');
    let (file, offset, what) = (words.next()?, words.next()?, words.next()?);
    let (file, what) = (file.to_owned(), what.to_owned());
    Some(Damage { file, offset: offset.parse().ok()?, positions: None, what })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::MemoryDisk;

    #[test]
    fn what_is_noted_is_read_again_by_the_same_store_alone() {
        let (disk, store_id) = (MemoryDisk::new(), EventId::from_u128(7));
        let state = State { ended: Some(Timestamp::from_nanos(-5)), next: 3, ..State::default() };
        let mut noted = State { bytes: 9, ..state };
        let file = "000000000002.log".to_owned();
        let what = "there is no frame".to_owned();
        noted
            .found(&file, vec![Damage { file: file.clone(), offset: 4096, positions: None, what }]);
        noted.write(&disk, store_id).expect("there is room");
        assert_eq!(State::read(&disk, store_id), Some(noted.clone()));
        assert_eq!(State::read(&disk, EventId::from_u128(8)), None);
        noted.found(&file, Vec::new());
        assert_eq!(noted.damages, [], "it is whole again");
        let noted = disk.open(FILE).expect("it is there");
        noted.write_at(b"9", 100).expect("it is written");
        assert_eq!(State::read(&disk, store_id), None, "a damaged note is none");
    }
}
