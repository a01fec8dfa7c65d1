//! The keys that events are found by - streams, categories, kinds, tags - in one hash table per
//! file.
//!
//! The table's size is fixed when the file begins, because a file's size is known then; so nothing
//! ever has to move, and readers need no lock. Every hit is checked against the key's real name.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::append_list::AppendList;
use super::arena::Arena;
use super::postings::Postings;
use crate::planted::{PlantedBug, is_planted, lucky};

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
    pub(crate) class: KeyClass,
    pub(crate) hash: u64,
    /// The first of the arena's words that have its name, and the bytes of that.
    name: u32,
    name_bytes: u16,
    /// The version of a stream before its first event in this file.
    pub(crate) version_before: u64,
    pub(crate) postings: Postings,
    /// The next key in the same bucket, plus one; 0 for none.
    next: u32,
}

impl Key {
    /// By what keys are ordered when they are written down, before their names.
    pub(crate) fn order(&self) -> (u64, KeyClass) {
        (self.hash, self.class)
    }

    /// Its name.
    pub(crate) fn name(&self, arena: &Arena) -> Box<str> {
        let name = arena.bytes(self.name, usize::from(self.name_bytes));
        String::from_utf8(name).expect("names were strings").into()
    }

    fn is_named(&self, arena: &Arena, name: &str) -> bool {
        let is_as_long = usize::from(self.name_bytes) == name.len();
        (is_as_long && arena.has_bytes(self.name, name.as_bytes()))
            || is_planted(PlantedBug::TrustHashes)
    }
}

/// All keys of one log file.
pub(crate) struct Keys {
    buckets: Box<[AtomicU32]>,
    list: AppendList<OnceLock<Key>>,
    count: AtomicU32,
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
        }
    }

    /// The key of this name, if an event of the file has it.
    pub(crate) fn find(
        &self,
        arena: &Arena,
        (class, hash, name): (KeyClass, u64, &str),
    ) -> Option<&Key> {
        let mut next = self.bucket(hash).load(Ordering::Acquire);
        while let Some(number) = next.checked_sub(1) {
            let key = self.at(number);
            let is_alike = key.hash == hash && key.class == class;
            if is_alike && key.is_named(arena, name) {
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
        if let Some(key) = self.find(arena, (class, hash, name)) {
            return key.postings.push(arena, event);
        }
        let bucket = self.bucket(hash);
        let (place, name_bytes) = (arena.take_bytes(name.as_bytes()), name.len() as u16);
        let postings = Postings::of(event);
        let next = bucket.load(Ordering::Relaxed);
        let key = Key { class, hash, name: place, name_bytes, version_before, postings, next };
        let number = self.count.load(Ordering::Relaxed);
        assert!(self.list.slot(number).set(key).is_ok(), "each number is given to one key");
        self.count.store(number + 1, Ordering::Release);
        bucket.store(number + 1, Ordering::Release);
    }

    /// All keys of a class, in the order of their first events.
    pub(crate) fn of_class(&self, class: KeyClass) -> impl Iterator<Item = &Key> {
        let all = (0..self.count.load(Ordering::Acquire)).map(|number| self.at(number));
        all.filter(move |key| key.class == class)
    }

    /// Forgets all keys, and keeps their memory.
    pub(crate) fn empty(&mut self) {
        self.buckets.fill_with(AtomicU32::default);
        self.list.empty();
        self.count = AtomicU32::new(0);
    }

    /// Bytes of the table and of the keys that are in it.
    pub(crate) fn used_bytes(&self) -> usize {
        size_of_val(&*self.buckets) + self.count() as usize * size_of::<OnceLock<Key>>()
    }

    /// Bytes that the table holds in memory.
    pub(crate) fn allocated_bytes(&self) -> usize {
        size_of_val(&*self.buckets) + self.list.allocated_bytes()
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
