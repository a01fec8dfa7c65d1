//! The archives that this program can open: directories, and S3 if it was built with that.

use std::io;
use std::sync::Arc;

use hitherto_store::{Archive, DirectoryArchive, Error, Result, open_archives_with};

#[cfg(feature = "s3")]
use hitherto_archive::open as open_elsewhere;

/// Has every command read what a store has moved elsewhere.
pub(crate) fn install() {
    open_archives_with(open_elsewhere);
}

/// The archive to move files to: the path of a directory, or a place in S3.
pub(crate) fn named(to: &str) -> Result<Arc<dyn Archive>> {
    let unusable = |error: io::Error| {
        Error::unavailable(format!("{to} cannot be used as an archive: {error}")).because(error)
    };
    if let Some(archive) = open_elsewhere(to).map_err(unusable)? {
        return Ok(archive);
    }
    let path = to.strip_prefix("file://").unwrap_or(to);
    if path.contains("://") {
        let advice = "name a directory, or s3://BUCKET/PREFIX";
        return Err(Error::invalid(format!("{to} is no archive: {advice}")));
    }
    Ok(Arc::new(DirectoryArchive::create(path).map_err(unusable)?))
}

#[cfg(not(feature = "s3"))]
fn open_elsewhere(location: &str) -> io::Result<Option<Arc<dyn Archive>>> {
    if !location.starts_with("s3://") {
        return Ok(None);
    }
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this program was built without S3: build it with `--features s3`",
    ))
}
