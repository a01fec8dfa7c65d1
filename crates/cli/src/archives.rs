//! The archives that this program can open: directories, and S3 if it was built with that.

use std::io;
use std::sync::Arc;

use hitherto_store::{Archive, DirectoryArchive, Error, Result, open_archives_with};

const S3: &str = "s3://";

/// Has every command read what a store has moved elsewhere.
pub(crate) fn install() {
    open_archives_with(open_elsewhere);
}

/// The archive to move files to: the path of a directory, or a place in S3.
pub(crate) fn named(to: &str) -> Result<Arc<dyn Archive>> {
    let path = to.strip_prefix("file://").unwrap_or(to);
    let opened = match open_elsewhere(to) {
        Ok(Some(archive)) => return Ok(archive),
        Err(error) => Err(error),
        Ok(None) if path.contains("://") => {
            let advice = "name a directory, or s3://BUCKET/PREFIX";
            return Err(Error::invalid(format!("{to} is no archive: {advice}")));
        }
        Ok(None) => DirectoryArchive::create(path),
    };
    let archive = opened.map_err(|error| {
        Error::unavailable(format!("{to} cannot be used as an archive: {error}")).because(error)
    })?;
    Ok(Arc::new(archive))
}

fn open_elsewhere(location: &str) -> io::Result<Option<Arc<dyn Archive>>> {
    if location.starts_with(S3) { in_s3(location).map(Some) } else { Ok(None) }
}

#[cfg(feature = "s3")]
fn in_s3(location: &str) -> io::Result<Arc<dyn Archive>> {
    Ok(Arc::new(hitherto_archive::S3Archive::open(location)?))
}

#[cfg(not(feature = "s3"))]
fn in_s3(_: &str) -> io::Result<Arc<dyn Archive>> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this program was built without S3: build it with `--features s3`",
    ))
}
