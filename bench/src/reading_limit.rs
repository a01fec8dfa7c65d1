//! What reading can do at most here without a cache of one's own: 400 bytes an event, out of a file
//! that the page cache holds.

use std::fs::File;
use std::hint::black_box;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::limit::EVENT_BYTES;
use crate::place::Place;
use crate::random::Random;

/// Bytes that are read at once where everything is read.
const CHUNK_BYTES: usize = 655 * EVENT_BYTES;

/// A file as large as so many events.
pub(crate) struct EventsFile {
    file: File,
    events: u64,
    _place: Place,
}

impl EventsFile {
    pub(crate) fn create(directory: &Path, events: u64) -> io::Result<Self> {
        let place = Place::fresh(directory, "reading-limit")?;
        let mut options = File::options();
        let file = options.read(true).write(true).create_new(true);
        let file = file.open(place.path().join("events"))?;
        let bytes = vec![1; CHUNK_BYTES];
        for chunk in 0..events.div_ceil((CHUNK_BYTES / EVENT_BYTES) as u64) {
            file.write_all_at(&bytes, chunk * CHUNK_BYTES as u64)?;
        }
        file.sync_all()?;
        Ok(Self { file, events, _place: place })
    }

    /// Somebody who reads so many events a call, each from anywhere.
    pub(crate) fn scattered(&self, events: u64, seed: u64) -> impl FnMut() + Send + use<'_> {
        let mut random = Random::seeded(seed);
        let mut bytes = [0; EVENT_BYTES];
        move || {
            for _ in 0..events {
                let offset = random.below(self.events) * EVENT_BYTES as u64;
                self.file.read_exact_at(&mut bytes, offset).expect("the disk works");
                black_box(&bytes);
            }
        }
    }

    /// Reads all events in order, with a checksum for each.
    pub(crate) fn replay(&self) -> io::Result<u64> {
        let mut bytes = vec![0; CHUNK_BYTES];
        let mut events = 0;
        while events < self.events {
            self.file.read_exact_at(&mut bytes, events * EVENT_BYTES as u64)?;
            for event in bytes.chunks_exact(EVENT_BYTES).take((self.events - events) as usize) {
                black_box(crc32c::crc32c(event));
                events += 1;
            }
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_read_once() {
        let directory = tempfile::tempdir().unwrap();
        let file = EventsFile::create(directory.path(), 1000).unwrap();
        assert_eq!(file.replay().unwrap(), 1000);
        file.scattered(10, 1)();
    }
}
