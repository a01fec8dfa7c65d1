//! What the faults happen to: a load of which everything is known, the program that runs it, and
//! small file systems to run it on.

mod load;
mod program;
mod room;
mod traced;

pub use load::{append, check, large_append, options, read_everything};
pub use program::{Program, is_installed, not_run, succeeds};
pub use room::Room;
pub use traced::Traced;
