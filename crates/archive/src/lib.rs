//! Moves old log files to S3, and to what speaks like it, to be read from there.
//!
//! [`S3Archive`] is an [`Archive`](hitherto_store::Archive) in a bucket. [`install`] has this
//! process open such archives by itself, wherever a store names one.
//!
//! ```no_run
//! use hitherto_archive::{S3Archive, install};
//! use hitherto_store::EmbeddedStore;
//!
//! install(); // once in a process, before the first store is opened
//! let store = EmbeddedStore::open("bank.hitherto")?;
//! let archive = S3Archive::open("s3://bucket/bank").expect("the environment has the keys");
//! store.archive(&archive, 1 << 30)?; // one GiB of compressed files stays here
//! # Ok::<(), hitherto_store::Error>(())
//! ```

mod s3;

use std::io;
use std::sync::Arc;

use hitherto_store::{Archive, open_archives_with};

pub use s3::S3Archive;

/// Has archives at `s3://…` opened by this crate, in this whole process: for reading, `verify`,
/// `repair` and backups. Calling it again does nothing more.
pub fn install() {
    open_archives_with(open);
}

/// The archive at a location, if that is `s3://…`.
///
/// # Errors
/// As [`S3Archive::open`].
pub fn open(location: &str) -> io::Result<Option<Arc<dyn Archive>>> {
    if !location.starts_with(s3::SCHEME) {
        return Ok(None);
    }
    Ok(Some(Arc::new(S3Archive::open(location)?)))
}
