//! Real servers for the tests, started without containers: each on free ports of the loopback, with
//! a folder of its own, and stopped by its process id.
//!
//! `cargo xtask services` and `cargo xtask test` start them; a test finds them by
//! [a variable of the environment](from_environment), and starts [one of its own](Own) where it
//! wants to stop it, kill it, or start it again.
//!
//! ```no_run
//! use hitherto_services::{POSTGRES, from_environment};
//!
//! if let Some(url) = from_environment(POSTGRES, "concurrent writers on PostgreSQL") {
//!     println!("a server listens at {url}");
//! }
//! ```

mod environment;
mod folder;
mod install;
mod own;
mod place;
mod postgres;
mod probe;
mod process;
mod python;
mod seaweed;
mod service;

pub use environment::{from_environment, must_not_be_missing, not_run};
pub use folder::State;
pub use own::Own;
pub use place::Place;
pub use service::{Program, SERVICES, Service, Started, named};

/// PostgreSQL. `postgres://USER:PASSWORD@HOST:PORT/DATABASE`; the user may create databases.
pub const POSTGRES: &dyn Service = &postgres::Postgres;

/// `SeaweedFS`, which speaks S3. `http://KEY:SECRET@HOST:PORT/BUCKET`; the bucket is there.
pub const S3: &dyn Service = &seaweed::SeaweedFs;
