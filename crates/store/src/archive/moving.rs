//! Moves log files to an archive: copied, read back, noted here, and only then removed here.

use std::io;
use std::sync::Arc;

use super::stub::{self, Stub};
use super::{Archive, ArchivedFile, open_archive};
use crate::disk::DiskFile;
use crate::error::{Error, Result};
use crate::load::disk_error;
use crate::log::{LogFile, compressed};
use crate::planted::{PlantedBug, is_planted};
use crate::roll;
use crate::shared::Shared;

const READ_BYTES: usize = 1 << 20;

/// What was moved to an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Archived {
    /// Log files that were moved now.
    pub files: u64,
    /// Bytes that they took here.
    pub bytes: u64,
    /// Objects that were removed from archives because something was removed from their files
    /// since.
    pub superseded: u64,
}

pub(super) fn move_files(
    shared: &Shared,
    archive: &dyn Archive,
    keep_bytes: u64,
) -> Result<Archived> {
    let _one_at_a_time = shared.rewriting()?;
    settle_announced(shared)?;
    let mut moved = Archived::default();
    let mut here = Vec::new();
    for log in shared.logs() {
        moved.superseded += u64::from(settle(shared, &log)?);
        let form = log.form()?;
        if form.is_compressed && form.archive.is_none() {
            here.push((log, form.bytes));
        }
    }
    // The last event that has an index is read at each open, so its file stays.
    here.pop();
    let mut bytes_here: u64 = here.iter().map(|(_, bytes)| bytes).sum();
    for (log, bytes) in here {
        if bytes_here <= keep_bytes {
            break;
        }
        if shared.is_closed() {
            return Err(Error::left_at_close());
        }
        move_file(shared, &log, archive)?;
        bytes_here -= bytes;
        moved.files += 1;
        moved.bytes += bytes;
    }
    forget_announced(shared)?;
    Ok(moved)
}

/// Removes from its archive what a move that was interrupted may have put there, without a stub
/// that names it: what is removed from its file here would stay there.
fn settle_announced(shared: &Shared) -> Result<()> {
    let failed = || disk_error("what was being moved to an archive could not be read");
    let announced = Stub::announced(&*shared.disk).map_err(failed())?;
    let Some(Stub { number, location, object, .. }) = announced else { return Ok(()) };
    let named = match Stub::open(&*shared.disk, number) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        other => Some(other.map_err(failed())?.0.object),
    };
    // It is never the only copy that goes.
    if named.as_ref() != Some(&object) && shared.handles.is_here(number) {
        let removed = open_archive(&location).and_then(|archive| archive.remove(&object));
        removed.map_err(|error| unreachable(&location, error))?;
    }
    forget_announced(shared)
}

fn forget_announced(shared: &Shared) -> Result<()> {
    roll::remove_if_there(&*shared.disk, stub::ANNOUNCED)
        .and_then(|()| roll::sync_directory(&*shared.disk))
        .map_err(disk_error("the note of what was being moved could not be removed"))
}

/// Finishes what was interrupted, and removes from its archive what was rewritten here since;
/// whether it did.
fn settle(shared: &Shared, log: &LogFile) -> Result<bool> {
    let Some((stub, _)) = stub_of(shared, log)? else { return Ok(false) };
    if log.form()?.archive.is_some() {
        let remove = roll::remove_if_there(&*shared.disk, &compressed::file_name(log.number));
        remove.map_err(disk_error("a log file that was moved could not be removed here"))?;
        return Ok(false);
    }
    let removed = open_archive(&stub.location).and_then(|archive| archive.remove(&stub.object));
    removed.map_err(|error| unreachable(&stub.location, error))?;
    let forget = roll::remove_if_there(&*shared.disk, &stub::file_name(log.number))
        .and_then(|()| roll::sync_directory(&*shared.disk));
    forget.map_err(disk_error("the stub of an archived file could not be removed"))?;
    Ok(true)
}

/// Takes out of the stubs of files that were rewritten here since they were moved what these have
/// of the files as they were: a dictionary and some blocks. Where the objects are is still noted.
pub(crate) fn forget_superseded(shared: &Shared) -> Result<()> {
    let _one_at_a_time = shared.rewriting()?;
    for log in shared.logs() {
        let Some((stub, file)) = stub_of(shared, &log)? else { continue };
        let thin = stub.without_events();
        if thin != stub && log.form()?.archive.is_none() {
            let object = ArchivedFile::new(stub, file, &shared.cache);
            let written = thin.write(&*shared.disk, &object);
            written.map_err(disk_error("the stub of an archived file could not be rewritten"))?;
        }
    }
    Ok(())
}

fn stub_of(shared: &Shared, log: &LogFile) -> Result<Option<(Stub, Arc<dyn DiskFile>)>> {
    match Stub::open(&*shared.disk, log.number) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some).map_err(|error| log.unreadable(0, error)),
    }
}

fn move_file(shared: &Shared, log: &LogFile, archive: &dyn Archive) -> Result<()> {
    let failed = |error| log.unreadable(0, error);
    let name = compressed::file_name(log.number);
    let object = shared.disk.open(&name).map_err(failed)?;
    let (bytes, hash) = hash_of(&*object).map_err(failed)?;
    let store_id = shared.identity.store_id;
    let called = format!("{store_id}-{:012}-{}.zlog", log.number, &hash.to_hex()[..16]);
    let location = archive.location().to_owned();
    if !Stub::fits(&location, &called) {
        return Err(Error::invalid(format!(
            "the location {location} is too long: name a shorter one"
        )));
    }
    let (start_bytes, end_from) = compressed::derived_parts(&*object).map_err(failed)?;
    let stub = Stub {
        store_id,
        number: log.number,
        location,
        object: called,
        bytes,
        hash: *hash.as_bytes(),
        start_bytes,
        end_from,
    };
    stub.announce(&*shared.disk).map_err(disk_error("what is being moved could not be noted"))?;
    let put = archive.put(&stub.object, &*object);
    put.map_err(|error| unreachable(&stub.location, error))?;
    compare(archive, &stub.object, bytes, hash)?;
    let noted = stub.write(&*shared.disk, &*object).and_then(|()| {
        shared.disk.remove(&name)?;
        roll::sync_directory(&*shared.disk)
    });
    log.forget_handle();
    noted.map_err(disk_error(
        "the stub of an archived file could not be written; the file stays here",
    ))
}

fn hash_of(file: &dyn DiskFile) -> io::Result<(u64, blake3::Hash)> {
    let (mut hasher, mut part, mut offset) = (blake3::Hasher::new(), vec![0; READ_BYTES], 0);
    loop {
        let filled = file.read_at(&mut part, offset)?;
        if filled == 0 {
            return Ok((offset, hasher.finalize()));
        }
        hasher.update(&part[..filled]);
        offset += filled as u64;
    }
}

/// What was put must come back, or the file stays here.
fn compare(archive: &dyn Archive, name: &str, bytes: u64, hash: blake3::Hash) -> Result<()> {
    let location = archive.location();
    let back = hash_back(archive, name, bytes).map_err(|error| unreachable(location, error))?;
    if back == Some(hash) || is_planted(PlantedBug::BelieveTheArchive) {
        return Ok(());
    }
    // What is wrong there helps nobody; the error to tell is that it is.
    let _ = archive.remove(name);
    Err(Error::unavailable(format!(
        "the archive {location} does not give back what was put there as {name}, and nothing was moved: \
         see that it is well"
    )))
}

/// The hash of so many bytes of an object, if it has them.
fn hash_back(archive: &dyn Archive, name: &str, bytes: u64) -> io::Result<Option<blake3::Hash>> {
    let (mut hasher, mut part, mut offset) = (blake3::Hasher::new(), vec![0; READ_BYTES], 0);
    while offset < bytes {
        let wanted = (bytes - offset).min(READ_BYTES as u64) as usize;
        let filled = archive.read_at(name, &mut part[..wanted], offset)?;
        if filled == 0 {
            return Ok(None);
        }
        hasher.update(&part[..filled]);
        offset += filled as u64;
    }
    Ok(Some(hasher.finalize()))
}

fn unreachable(location: &str, error: io::Error) -> Error {
    Error::unavailable(format!(
        "the archive {location} could not be used, and the file stays here: see that it can be reached"
    ))
    .because(error)
}
