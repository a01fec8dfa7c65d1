//! The cases, by what they are about.

mod appending;
mod concurrency;
mod conditions;
mod following;
mod limits;
mod reading;
mod repeats;
mod restarts;

use crate::{Capability, Case, Ran, Subject};

pub(crate) fn all() -> Vec<Case> {
    [
        appending::CASES,
        conditions::CASES,
        repeats::CASES,
        reading::CASES,
        following::CASES,
        restarts::CASES,
        limits::CASES,
        concurrency::CASES,
    ]
    .concat()
}

/// A case that needs one store and no restart.
macro_rules! case {
    ($capability:ident, $name:ident) => {
        crate::Case {
            name: stringify!($name),
            capability: crate::Capability::$capability,
            run: |subject: &mut dyn crate::Subject| {
                $name(&*subject.start());
                crate::Ran::Passed
            },
        }
    };
}
pub(crate) use case;

/// A case about a restart.
const fn restarting(name: &'static str, run: fn(&mut dyn Subject) -> Ran) -> Case {
    Case { name, capability: Capability::Durability, run }
}
