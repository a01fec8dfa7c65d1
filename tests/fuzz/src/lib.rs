//! Damages the files of a store in every way that a seed can say, and reads what is left.
//!
//! It knows nothing of the format: a new sort of file is damaged like all others. What is noticed
//! in a new way is kept and damaged further, so that the next damage meets a store that is
//! already strange.

mod check;
mod disk;
mod image;
mod mutation;
mod random;
mod salvage;
mod session;
mod sound;
mod watchdog;

use std::alloc::System;

use cap::Cap;

pub use check::{Broken, Noticed};
pub use image::Image;
pub use session::{Finding, Recipe, Session};
pub use sound::Sound;
pub use watchdog::note;

/// Counts what is allocated, so that a length that was believed shows.
#[global_allocator]
pub static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);
