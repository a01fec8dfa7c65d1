//! Reading ahead: in a long run of events, threads of their own read and check those that come
//! next, or decompress them, while the reader's caller looks at those that are there.

use std::num::NonZero;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::{thread, vec};

use crate::event::Position;
use crate::log::ReadBuffer;
use crate::record::Recorded;
use crate::segment::Segment;

/// Whoever has read so many events of a run without a gap is taken to read on.
pub(crate) const EVENTS_BEFORE: u64 = 4096;
/// A run that has fewer left is not worth a thread.
pub(crate) const EVENTS_LEFT_MIN: u64 = 8192;
/// Threads for one reader at most; there are never more than the machine can run at once.
const LANES_MAX: usize = 4;
/// Threads for all readers of the process together: the memory that they take has a bound, and
/// whoever comes later reads for itself.
const LANES_OF_ALL_MAX: usize = 8;
/// How many there are.
static LANES_OF_ALL: AtomicUsize = AtomicUsize::new(0);
/// Events that one thread reads before it steps over those of the others: of most, as many as are
/// read at once.
const STRIPE_EVENTS: u32 = 512;
/// Batches of a thread that wait to be taken, so that it goes on while the others' are looked at.
const BATCHES_WAITING: usize = 3;
/// With the one that is being filled and the one that is being looked at, this is what a thread
/// holds in memory, each as large as what is read at once.
const BATCHES_HELD: usize = BATCHES_WAITING + 2;

/// Events of a run, read ahead by threads that end with the run, or with this.
pub(crate) struct ReadAhead {
    events: Range<u32>,
    /// The position of the event that comes next: the first of `events`.
    next: Position,
    batch: vec::IntoIter<Recorded>,
    /// Each thread's batches. The threads take the stripes of the run in turns.
    lanes: Vec<Receiver<Vec<Recorded>>>,
    begin: u32,
    _share: Share,
}

/// The threads of one reader among those of all.
struct Share(usize);

impl Share {
    /// None if there are enough already.
    fn take(lanes: usize) -> Option<Self> {
        let more = |all| (all + lanes <= LANES_OF_ALL_MAX).then_some(all + lanes);
        let taken = LANES_OF_ALL.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        (lanes > 0 && taken.is_ok()).then(|| Self(lanes))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        LANES_OF_ALL.fetch_sub(self.0, Ordering::Relaxed);
    }
}

impl ReadAhead {
    /// Begins to read events of a segment; `None` if the machine or the system has no thread for
    /// it.
    pub(crate) fn begin(segment: &Segment, events: Range<u32>) -> Option<Self> {
        let count = lanes();
        let share = Share::take(count)?;
        let lane = |number| start_lane(segment.clone(), events.clone(), (number, count));
        let lanes = (0..count).map(lane).collect::<Option<Vec<_>>>()?;
        let (next, begin, batch) = (segment.position(events.start), events.start, Vec::new());
        Some(Self { events, next, batch: batch.into_iter(), lanes, begin, _share: share })
    }

    /// The event at a position; `None` if another one comes next, or if it could not be read: then
    /// whoever reads it without this is told why.
    pub(crate) fn take(&mut self, position: Position) -> Option<Recorded> {
        if position != self.next {
            return None;
        }
        if self.batch.as_slice().is_empty() {
            let stripe = (self.events.start - self.begin) / STRIPE_EVENTS;
            let lane = &self.lanes[stripe as usize % self.lanes.len()];
            self.batch = lane.recv().ok()?.into_iter();
        }
        self.next = position.next();
        self.events.start += 1;
        self.batch.next()
    }
}

/// How many threads read ahead: none where there is no second processor for them.
fn lanes() -> usize {
    static LANES: OnceLock<usize> = OnceLock::new();
    *LANES.get_or_init(|| match thread::available_parallelism().map_or(1, NonZero::get) {
        1 => 0,
        processors => processors.min(LANES_MAX),
    })
}

fn start_lane(
    segment: Segment,
    events: Range<u32>,
    (number, count): (usize, usize),
) -> Option<Receiver<Vec<Recorded>>> {
    let (sender, batches) = sync_channel(BATCHES_WAITING);
    let work = move || {
        let mut buffer = ReadBuffer::reusing(BATCHES_HELD);
        let stripes = events.clone().step_by(STRIPE_EVENTS as usize).skip(number).step_by(count);
        for start in stripes {
            let stripe = start..events.end.min(start.saturating_add(STRIPE_EVENTS));
            if read_stripe(&segment, stripe, &mut buffer, &sender).is_none() {
                return;
            }
        }
    };
    thread::Builder::new().name("hitherto-ahead".to_owned()).spawn(work).ok()?;
    Some(batches)
}

/// Sends the events of a stripe; `None` if one cannot be read, or nobody takes them.
///
/// A batch has the events that were read at once, so that two threads do not count the holders of
/// the same bytes at the same time.
fn read_stripe(
    segment: &Segment,
    events: Range<u32>,
    buffer: &mut ReadBuffer,
    batches: &SyncSender<Vec<Recorded>>,
) -> Option<()> {
    let (mut batch, mut start) = (Vec::with_capacity(events.len()), None);
    segment.read_at_once(events.clone(), buffer).ok()?;
    for event in events {
        let read = segment.read(event, buffer);
        let is_of_next = start.replace(buffer.start()) != Some(buffer.start());
        if (is_of_next || read.is_err()) && !batch.is_empty() {
            batches.send(std::mem::take(&mut batch)).ok()?;
        }
        batch.push(read.ok()?);
    }
    batches.send(batch).ok()
}
