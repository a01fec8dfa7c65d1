//! Runs the real store on a fake disk and clock, from one seed, and checks it against a small
//! model.
//!
//! The disk forgets what was not synced when the power goes: whole writes, single sectors of them,
//! in any order, and names. Nothing in the store knows that it is simulated.

mod backups;
mod bank;
mod clock;
mod cold;
mod compressed;
mod decision;
mod disk;
mod faults;
mod followers;
mod history;
mod model;
mod options;
mod random;
mod removed;
mod rot;
mod rules;
mod run;
mod texts;

pub use bank::Bank;
pub use clock::SimClock;
pub use decision::Decision;
pub use disk::SimDisk;
pub use faults::Operation;
pub use history::History;
pub use model::Model;
pub use options::small_files;
pub use random::Random;
pub use run::{Failure, Plan, Trace, fresh_plan, run};
