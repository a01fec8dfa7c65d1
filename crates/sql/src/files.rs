//! The files beside a database file: versions that are built, and the one that was read before.

use std::path::{Path, PathBuf};

use hitherto::{Error, Result};

/// The file of a version that is not the one that is read: `read.db.balances-2`.
pub(crate) fn beside(main: &Path, name: &str, version: u32) -> PathBuf {
    with_suffix(main, &format!(".{name}-{version}"))
}

/// The versions of a projection that have a file beside, in order.
pub(crate) fn versions_beside(main: &Path, name: &str) -> Result<Vec<u32>> {
    let prefix = match main.file_name() {
        Some(file) => format!("{}.{name}-", file.to_string_lossy()),
        None => return Ok(Vec::new()),
    };
    let version = |entry: std::fs::DirEntry| {
        entry.file_name().to_str()?.strip_prefix(&prefix)?.parse::<u32>().ok()
    };
    let entries = std::fs::read_dir(directory_of(main)).and_then(Iterator::collect::<_>);
    let entries: Vec<_> = entries.map_err(|error| unreadable(main, error))?;
    let mut versions = entries.into_iter().filter_map(version).collect::<Vec<_>>();
    versions.sort_unstable();
    Ok(versions)
}

/// Removes a database file with what SQLite has put beside it.
pub(crate) fn remove(path: &Path) -> Result<()> {
    for file in [path.to_owned(), with_suffix(path, "-wal"), with_suffix(path, "-shm")] {
        match std::fs::remove_file(&file) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                let message = format!("{} cannot be removed", file.display());
                return Err(Error::unavailable(message).because(error));
            }
        }
    }
    Ok(())
}

/// Puts a file in its place, durably.
pub(crate) fn put_in_place(from: &Path, to: &Path) -> Result<()> {
    let put = || {
        std::fs::rename(from, to)?;
        std::fs::File::open(directory_of(to))?.sync_all()
    };
    put().map_err(|error| {
        Error::unavailable(format!("{} cannot be put in place", to.display())).because(error)
    })
}

pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn unreadable(main: &Path, error: std::io::Error) -> Error {
    let directory = directory_of(main).display().to_string();
    Error::unavailable(format!("the directory {directory} cannot be read")).because(error)
}
