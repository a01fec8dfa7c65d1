//! The settings of simulated stores.

use hitherto_store::{EventId, Options};

/// Small files, so that runs go through many of them; no threads and no random numbers, so that
/// they can be repeated.
pub fn small_files() -> Options {
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = 8 << 10;
    options.log_file_bytes_max = 32 << 10;
    options.raw_bytes_max = 12 << 10;
    options.store_id = Some(EventId::from_u128(7));
    options
}

/// Files that have room for dictionaries: none is made for a file of less than 8 KiB.
pub(crate) fn larger_files() -> Options {
    let mut options = small_files();
    options.log_file_bytes_min = 24 << 10;
    options.log_file_bytes_max = 48 << 10;
    options
}
