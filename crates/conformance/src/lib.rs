//! The rules that every store keeps, as named cases. A store is a store of hitherto if they pass.
//!
//! ```no_run
//! use std::sync::Arc;
//! use hitherto_conformance::{Subject, run_all};
//! use hitherto_store::{EmbeddedStore, EventStore};
//!
//! struct InMemory;
//!
//! impl Subject for InMemory {
//!     fn start(&mut self) -> Arc<dyn EventStore> {
//!         Arc::new(EmbeddedStore::in_memory())
//!     }
//! }
//!
//! run_all("in memory", &mut InMemory).assert_passed();
//! ```

mod cases;
mod story;

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hitherto_store::EventStore;

/// A store that the cases are run on.
pub trait Subject {
    /// A new store without events.
    fn start(&mut self) -> Arc<dyn EventStore>;

    /// The store that was started last, after a restart: all handles on it were dropped before.
    /// `None` for a store that does not outlive its handles.
    fn restart(&mut self) -> Option<Arc<dyn EventStore>> {
        None
    }
}

/// What a case shows that a store can do: a line of the table of stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Capability {
    /// Events in streams, with versions; positions over all.
    Streams,
    /// All of an append or nothing, over several streams.
    AtomicAppends,
    /// Appends that depend on what else happened.
    Conditions,
    /// Repeated appends have the effect of one.
    Repeats,
    /// Reading by stream, category, kind, tag, position, version and time.
    Reading,
    /// Catching up and following without a gap.
    Following,
    /// What was acknowledged is there after a restart.
    Durability,
    /// What is over a limit is refused by name.
    Limits,
    /// Any number of callers at once.
    Concurrency,
}

impl Capability {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 9] = [
        Self::Streams,
        Self::AtomicAppends,
        Self::Conditions,
        Self::Repeats,
        Self::Reading,
        Self::Following,
        Self::Durability,
        Self::Limits,
        Self::Concurrency,
    ];

    /// What it means, in a few words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Streams => "streams, versions, positions without gaps",
            Self::AtomicAppends => "all of an append or nothing, over several streams",
            Self::Conditions => "expected versions and conditions over any query",
            Self::Repeats => "repeating an append has the effect of one",
            Self::Reading => "reading by stream, category, kind, tag, position, version, time",
            Self::Following => "following without a gap or a duplicate, and without polling",
            Self::Durability => "what was acknowledged is there after a restart",
            Self::Limits => "what is over a limit is refused by name",
            Self::Concurrency => "any number of callers at once",
        }
    }
}

/// A rule, and how to see whether a store keeps it.
#[derive(Clone, Copy)]
pub struct Case {
    /// Its name, a sentence.
    pub name: &'static str,
    /// What it belongs to.
    pub capability: Capability,
    run: fn(&mut dyn Subject) -> Ran,
}

/// How a case went, if it did not panic.
enum Ran {
    Passed,
    /// The store does not claim what the case is about.
    NotClaimed,
}

/// All cases, in the order of the table.
pub fn cases() -> Vec<Case> {
    cases::all()
}

/// What a case showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The store keeps the rule.
    Passed,
    /// The store does not claim to.
    NotClaimed,
    /// It does not, and why.
    Failed(String),
}

/// What all cases showed of one store.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The name of the store.
    pub store: String,
    /// A verdict for each case.
    pub verdicts: Vec<(&'static str, Capability, Verdict)>,
}

/// Runs all cases, each on a store of its own.
pub fn run_all(store: &str, subject: &mut dyn Subject) -> Outcome {
    let verdict = |case: Case| {
        let ran = catch_unwind(AssertUnwindSafe(|| (case.run)(subject)));
        let verdict = match ran {
            Ok(Ran::Passed) => Verdict::Passed,
            Ok(Ran::NotClaimed) => Verdict::NotClaimed,
            Err(panic) => Verdict::Failed(message_of(&*panic)),
        };
        (case.name, case.capability, verdict)
    };
    Outcome { store: store.to_owned(), verdicts: cases().into_iter().map(verdict).collect() }
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}

impl Outcome {
    /// Prints every verdict, and panics if a case failed.
    ///
    /// # Panics
    /// With the names of the cases that failed.
    pub fn assert_passed(&self) {
        let mut failed = Vec::new();
        for (name, _, verdict) in &self.verdicts {
            println!("{}: {name}: {verdict:?}", self.store);
            if let Verdict::Failed(why) = verdict {
                failed.push(format!("{name}: {why}"));
            }
        }
        assert!(failed.is_empty(), "{} fails:\n{}", self.store, failed.join("\n"));
    }

    fn cell(&self, capability: Capability) -> String {
        let of = |verdict: fn(&Verdict) -> bool| {
            let all = self.verdicts.iter().filter(|(_, other, _)| *other == capability);
            all.filter(|(_, _, found)| verdict(found)).count()
        };
        let passed = of(|verdict| *verdict == Verdict::Passed);
        let failed = of(|verdict| matches!(verdict, Verdict::Failed(_)));
        match (passed, failed) {
            (0, 0) => "not claimed".to_owned(),
            (passed, 0) => format!("yes ({passed} cases)"),
            (passed, failed) => format!("**no** ({failed} of {} cases fail)", passed + failed),
        }
    }
}

/// The table of stores, made from what the cases showed, in Markdown.
pub fn table(outcomes: &[Outcome]) -> String {
    let stores: Vec<_> = outcomes.iter().map(|outcome| outcome.store.as_str()).collect();
    let mut table = format!("| | {} |\n|---|{}\n", stores.join(" | "), "---|".repeat(stores.len()));
    for capability in Capability::ALL {
        let cells: Vec<_> = outcomes.iter().map(|outcome| outcome.cell(capability)).collect();
        writeln!(table, "| {} | {} |", capability.words(), cells.join(" | "))
            .expect("a string takes it");
    }
    table
}
