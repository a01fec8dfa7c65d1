//! A cryptographic digest of history: whoever noted it once can tell later whether anything before
//! was changed, even by somebody who knows the format and made all checksums fit again.

mod tree;

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, PoisonError};

use crate::error::{Error, Result};
use crate::event::Position;
use crate::query::Query;
use crate::reader::Reader;
use crate::segment::Segment;
use crate::shared::Shared;
use crate::store::EmbeddedStore;
use crate::sync::Mutex;

pub(crate) use tree::{History, leaf};

/// The digest of all events up to a position: 32 bytes, written in hexadecimal digits.
///
/// It follows from the events alone, their positions and every stored byte of them, not from how
/// they lie on disk: it is the same after compression.
///
/// ```
/// use hitherto_store::{Append, Digest, EmbeddedStore, EventStore, NewEvent};
///
/// let store = EmbeddedStore::in_memory();
/// let saved = store.append(Append::to("account-1").event(NewEvent::json("AccountOpened", "{}")))?;
/// let noted: String = store.digest(saved.position)?.to_string();
///
/// let later: Digest = noted.parse()?;
/// assert_eq!(store.digest(saved.position)?, later, "nothing was changed since");
/// # Ok::<(), hitherto_store::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong =
            || Error::invalid(format!("{text:?} is no digest: it has 64 hexadecimal digits"));
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            let digit = |digit: u8| char::from(digit).to_digit(16).map(|digit| digit as u8);
            let value = digit(pair[0]).zip(digit(pair[1])).map(|(high, low)| high << 4 | low);
            *byte = value.ok_or_else(wrong)?;
        }
        Ok(Self(bytes))
    }
}

/// The tree as far as it was asked for last, to go on from.
#[derive(Debug, Default)]
pub(crate) struct Digests(Mutex<History>);

impl EmbeddedStore {
    /// The digest of all events up to a position.
    ///
    /// Goes on from where it was asked for last, or from the nearest index file before: so the
    /// digest of the last event is cheap, and that of an old one takes a read of what is between.
    ///
    /// # Errors
    /// `Invalid` if there are not so many events yet; `Corrupt` if one of them cannot be read.
    pub fn digest(&self, up_to: Position) -> Result<Digest> {
        self.refresh()?;
        let shared = self.shared();
        let head = shared.durable();
        if up_to > head {
            return Err(Error::invalid(format!(
                "the digest at position {up_to} is asked for, but the last event stands at {head}: \
                 ask for that one or an earlier one"
            )));
        }
        let mut known = self.digests().0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut history = nearest_kept(shared, up_to, &known);
        extend(shared, &mut history, up_to)?;
        if history.count() > known.count() {
            known.clone_from(&history);
        }
        Ok(Digest(history.root()))
    }
}

/// The largest tree that is kept and has no event behind `up_to`.
fn nearest_kept(shared: &Shared, up_to: Position, known: &History) -> History {
    let sealed = |segment: &Segment| match segment {
        Segment::Sealed(sealed) => History::from_bytes(&sealed.index.header.history),
        Segment::Growing(_) => None,
    };
    let segments = shared.segments.load();
    let kept = segments.iter().filter_map(sealed).chain([known.clone()]);
    let before = kept.filter(|history| history.count() <= up_to.0);
    before.max_by_key(History::count).unwrap_or_default()
}

/// Adds the events up to a position.
pub(crate) fn extend(shared: &Arc<Shared>, history: &mut History, up_to: Position) -> Result<()> {
    let query = Query::all().after(Position(history.count())).up_to(up_to);
    let mut reader = Reader::within(Arc::clone(shared), query, up_to);
    while let Some(event) = reader.step()? {
        // A repaired store has gaps, which are a part of its history.
        while history.count() + 1 < event.position().0 {
            history.push_lost();
        }
        history.push(&event);
    }
    Ok(())
}

/// The tree behind a segment, if that behind the one before it is kept: for its index file.
pub(crate) fn behind(shared: &Arc<Shared>, first: Position, last: Position) -> Result<Vec<u8>> {
    let before = Position(first.0 - 1);
    let mut history = nearest_kept(shared, before, &History::default());
    if history.count() != before.0 {
        return Ok(Vec::new()); // behind a loss, or an index that was built without it
    }
    extend(shared, &mut history, last)?;
    Ok(history.to_bytes())
}
