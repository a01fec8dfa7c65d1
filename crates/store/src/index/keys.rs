//! The keys that events are found by - streams, categories, kinds, tags - in one hash table per
//! file.
//!
//! The table's size is fixed when the file begins, because a file's size is known then; so nothing
//! ever has to move, and readers need no lock. Every hit is checked against the key's real name.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::append_list::AppendList;
use super::postings::{Arena, Postings};
use crate::planted::{is_named, lucky};

/// What a key names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum KeyClass {
    Stream = 1,
    Category = 2,
    Kind = 3,
    Tag = 4,
}

impl KeyClass {
    /// The class with this number.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        let all = [Self::Stream, Self::Category, Self::Kind, Self::Tag];
        all.into_iter().find(|&class| class as u8 == code)
    }
}

/// One key and the events that have it.
pub(crate) struct Key {
    class: KeyClass,
    hash: u64,
    name: Box<str>,
    /// The version of a stream before its first event in this file.
    pub(crate) version_before: u64,
    pub(crate) postings: Postings,
    /// The next key in the same bucket, plus one; 0 for none.
    next: u32,
}

impl Key {
    /// By what keys are ordered when they are written down.
    pub(crate) fn order(&self) -> (u64, KeyClass, &str) {
        (self.hash, self.class, &self.name)
    }
}

/// All keys of one log file.
pub(crate) struct Keys {
    buckets: Box<[AtomicU32]>,
    list: AppendList<OnceLock<Key>>,
    count: AtomicU32,
    names_bytes: AtomicUsize,
}

/// A key's hash. The seed is secret, so that nobody can make keys that collide.
pub(crate) fn hash(seed: u64, class: KeyClass, name: &str) -> u64 {
    lucky(xxh3_64_with_seed(name.as_bytes(), seed ^ class as u64))
}

impl Keys {
    /// A table with that many buckets, a power of two.
    pub(crate) fn new(buckets: usize) -> Self {
        assert!(buckets.is_power_of_two(), "a hash is cut to a bucket by its low bits");
        Self {
            buckets: std::iter::repeat_with(AtomicU32::default).take(buckets).collect(),
            list: AppendList::new(),
            count: AtomicU32::new(0),
            names_bytes: AtomicUsize::new(0),
        }
    }

    /// The key of this name, if an event of the file has it.
    pub(crate) fn find(&self, class: KeyClass, hash: u64, name: &str) -> Option<&Key> {
        let mut next = self.bucket(hash).load(Ordering::Acquire);
        while let Some(number) = next.checked_sub(1) {
            let key = self.at(number);
            let is_alike = key.hash == hash && key.class == class;
            if is_alike && is_named(key.name.as_bytes(), name.as_bytes()) {
                return Some(key);
            }
            next = key.next;
        }
        None
    }

    /// Adds an event to a key, and the key if it is new here; only the writer calls this.
    pub(crate) fn push(
        &self,
        arena: &Arena,
        (class, hash, name): (KeyClass, u64, &str),
        version_before: u64,
        event: u32,
    ) {
        if let Some(key) = self.find(class, hash, name) {
            return key.postings.push(arena, event);
        }
        let bucket = self.bucket(hash);
        let postings = Postings::new(arena);
        postings.push(arena, event);
        let next = bucket.load(Ordering::Relaxed);
        let key = Key { class, hash, name: name.into(), version_before, postings, next };
        let number = self.count.load(Ordering::Relaxed);
        assert!(self.list.slot(number).set(key).is_ok(), "each number is given to one key");
        self.names_bytes.fetch_add(name.len(), Ordering::Relaxed);
        self.count.store(number + 1, Ordering::Release);
        bucket.store(number + 1, Ordering::Release);
    }

    /// The names of all keys of a class, in the order of their first events.
    pub(crate) fn of_class(&self, class: KeyClass) -> impl Iterator<Item = (&str, &Key)> {
        let all = (0..self.count.load(Ordering::Acquire)).map(|number| self.at(number));
        all.filter(move |key| key.class == class).map(|key| (&*key.name, key))
    }

    /// Bytes that the table holds in memory.
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.buckets.len() * size_of::<AtomicU32>()
            + self.list.allocated_bytes()
            + self.names_bytes.load(Ordering::Relaxed)
    }

    fn bucket(&self, hash: u64) -> &AtomicU32 {
        &self.buckets[hash as usize & (self.buckets.len() - 1)]
    }

    /// How many keys there are.
    pub(crate) fn count(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    /// The key with this number.
    pub(crate) fn at(&self, number: u32) -> &Key {
        self.list.at(number).get().expect("a key is set before its number is given away")
    }
}
