//! Who waits for events, and for which: a commit wakes only those whom it may concern.
//!
//! A follower waits under one term of each alternative of its query (its stream, a tag, its
//! category or its kinds), so that a thousand followers of a thousand streams cost a commit one
//! look-up, not a thousand wake-ups.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::task::Waker;

use crate::index::{KeyClass, term_hash};
use crate::planted::{PlantedBug, is_planted};
use crate::query::{Query, QueryItem};
use crate::sync::{AtomicBool, Mutex, MutexGuard};

/// With more terms than this everybody is woken once: who is gone does not come back.
const TERMS_MAX: usize = 1 << 16;

/// The hashes of what a batch's events can be found by, or that they were not noted.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) enum BatchTerms {
    #[default]
    NotNoted,
    Noted(Vec<u64>),
}

/// Followers that have read everything there is.
#[derive(Default)]
pub(crate) struct Followers {
    waiting: Mutex<Waiting>,
    /// Whether some wait under a term: only then a batch's terms are worth noting.
    has_terms: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    for_everything: Vec<Waker>,
    by_term: HashMap<u64, Vec<Waker>>,
}

impl Followers {
    /// Calls the waker when something that may match is published. The caller looks once more after
    /// this.
    pub(crate) fn wait(&self, query: &Query, hash_seed: u64, waker: &Waker) {
        let mut waiting = self.lock();
        match terms_of(query, hash_seed) {
            None => add(&mut waiting.for_everything, waker),
            Some(terms) => {
                self.has_terms.store(true, Ordering::SeqCst);
                for term in terms {
                    add(waiting.by_term.entry(term).or_default(), waker);
                }
            }
        }
    }

    /// Whether a batch's terms should be noted. If not, its publication wakes everybody.
    pub(crate) fn want_terms(&self) -> bool {
        self.has_terms.load(Ordering::SeqCst)
    }

    /// Wakes those whom a batch may concern.
    pub(crate) fn wake(&self, terms: &BatchTerms) {
        if is_planted(PlantedBug::WakeNobody) {
            return;
        }
        let BatchTerms::Noted(terms) = terms else { return self.wake_all() };
        let mut waiting = self.lock();
        if waiting.by_term.len() > TERMS_MAX {
            drop(waiting);
            return self.wake_all();
        }
        let mut woken = std::mem::take(&mut waiting.for_everything);
        for term in terms {
            woken.append(&mut waiting.by_term.remove(term).unwrap_or_default());
        }
        drop(waiting);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Wakes everybody.
    pub(crate) fn wake_all(&self) {
        let waiting = {
            let mut waiting = self.lock();
            self.has_terms.store(false, Ordering::SeqCst);
            std::mem::take(&mut *waiting)
        };
        let by_term = waiting.by_term.into_values().flatten();
        waiting.for_everything.into_iter().chain(by_term).for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(wakers: &mut Vec<Waker>, waker: &Waker) {
    if !wakers.iter().any(|other| other.will_wake(waker)) {
        wakers.push(waker.clone());
    }
}

/// One term of each alternative that every event matching it has; `None` if every event concerns
/// the query: also if one beyond its bounds would end it.
fn terms_of(query: &Query, seed: u64) -> Option<Vec<u64>> {
    let ends = query.bounds.up_to.is_some() || query.bounds.until.is_some();
    if ends || query.items.is_empty() {
        return None;
    }
    let terms = query.items.iter().map(|item| terms_of_item(item, seed));
    Some(terms.collect::<Option<Vec<_>>>()?.concat())
}

fn terms_of_item(item: &QueryItem, seed: u64) -> Option<Vec<u64>> {
    let one = |class, name: &str| vec![term_hash(seed, class, name)];
    let stream = item.stream.as_ref().map(|stream| one(KeyClass::Stream, stream.as_str()));
    let tag = || item.tags.first().map(|tag| one(KeyClass::Tag, tag.as_str()));
    let category = || item.category.as_ref().map(|category| one(KeyClass::Category, category));
    let kind = |kind: &String| term_hash(seed, KeyClass::Kind, kind);
    let kinds = || (!item.kinds.is_empty()).then(|| item.kinds.iter().map(kind).collect());
    stream.or_else(tag).or_else(category).or_else(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn waiting_for(followers: &Followers, query: &Query) -> Arc<Count> {
        let count = Arc::new(Count::default());
        followers.wait(query, 7, &Waker::from(Arc::clone(&count)));
        count
    }

    #[test]
    fn a_batch_wakes_those_whom_it_concerns_and_lets_the_others_sleep() {
        let followers = Followers::default();
        let everything = waiting_for(&followers, &Query::all());
        let stream = waiting_for(&followers, &Query::stream("a-1"));
        let other = waiting_for(&followers, &Query::stream("a-2").or(Query::of_kinds(["B"])));
        followers.wake(&BatchTerms::Noted(vec![term_hash(7, KeyClass::Stream, "a-1")]));
        let woken = [&everything, &stream, &other].map(|count| count.0.load(Ordering::Relaxed));
        assert_eq!(woken, [1, 1, 0]);
        followers.wake(&BatchTerms::NotNoted);
        assert_eq!(other.0.load(Ordering::Relaxed), 2, "it waited under two terms");
    }

    #[test]
    fn a_follower_that_an_event_beyond_its_bound_would_end_waits_for_every_event() {
        assert_eq!(terms_of(&Query::stream("a-1").up_to(crate::Position(9)), 7), None);
    }
}
