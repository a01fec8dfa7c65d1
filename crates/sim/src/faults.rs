//! Faults on demand: which kind of operation fails, the how-manieth, and whether for good.

use std::io;

/// What a disk can be asked to do, and fail to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Reading from a file.
    Read,
    /// Writing to a file, or changing its length.
    Write,
    /// Making a file's bytes durable.
    Sync,
    /// Creating, renaming and removing files, and making names durable.
    Names,
}

/// An operation that fails when its time has come.
#[derive(Debug, Clone, Copy)]
struct Fault {
    operation: Operation,
    /// How many of them still work.
    left: u64,
    is_lasting: bool,
}

/// The faults that are planned, and whether one has shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    planned: Vec<Fault>,
    has_shown: bool,
}

impl Faults {
    /// Plans a fault of the n-th operation of a kind from now, counted from 1.
    pub(crate) fn plan(&mut self, operation: Operation, from_now: u64, is_lasting: bool) {
        let left = from_now.saturating_sub(1);
        self.planned.push(Fault { operation, left, is_lasting });
    }

    /// Whether an operation failed on purpose so far.
    pub(crate) fn has_shown(&self) -> bool {
        self.has_shown
    }

    /// Notes that something failed for another planned reason.
    pub(crate) fn show(&mut self) {
        self.has_shown = true;
    }

    /// Fails if it is time for a fault.
    pub(crate) fn strike(&mut self, operation: Operation) -> io::Result<()> {
        let mut strikes = false;
        self.planned.retain_mut(|fault| {
            let is_due = fault.operation == operation && fault.left == 0;
            fault.left -= u64::from(fault.operation == operation && fault.left > 0);
            strikes |= is_due;
            !is_due || fault.is_lasting
        });
        self.has_shown |= strikes;
        if strikes { Err(io::Error::other("the disk did not do it")) } else { Ok(()) }
    }
}
