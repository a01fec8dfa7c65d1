//! An archive in a directory of the simulated disk: the power goes for both at once.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;

use hitherto_store::{Archive, Disk, DiskFile, open_archives_with};

use crate::disk::SimDisk;

const LOCATION: &str = "sim://cold";
/// The directory of the machine that the archive is in.
pub(crate) const DIRECTORY: &str = "cold";

thread_local! {
    /// The machine that runs in this thread: stores open their archives by name alone.
    static MACHINE: RefCell<SimDisk> = RefCell::default();
}

/// The archive of a simulated machine.
pub(crate) struct ColdArchive(SimDisk);

impl ColdArchive {
    /// The archive of this machine, which stores that are opened in this thread find from now on.
    pub(crate) fn install(machine: &SimDisk) -> Self {
        MACHINE.set(machine.clone());
        open_archives_with(open);
        Self(machine.directory(DIRECTORY))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "openers may fail")]
fn open(location: &str) -> io::Result<Option<Arc<dyn Archive>>> {
    if location != LOCATION {
        return Ok(None);
    }
    let cold = MACHINE.with_borrow(|machine| machine.directory(DIRECTORY));
    Ok(Some(Arc::new(ColdArchive(cold))))
}

impl Archive for ColdArchive {
    fn location(&self) -> &str {
        LOCATION
    }

    fn put(&self, name: &str, object: &dyn DiskFile) -> io::Result<()> {
        let mut bytes = vec![0; usize::try_from(object.len()?).map_err(io::Error::other)?];
        let filled = object.read_at(&mut bytes, 0)?;
        let temporary = format!("{name}.tmp");
        if self.0.list()?.contains(&temporary) {
            self.0.remove(&temporary)?;
        }
        let file = self.0.create(&temporary)?;
        file.write_at(&bytes[..filled], 0)?;
        file.sync()?;
        self.0.rename(&temporary, name)?;
        self.0.sync_directory()
    }

    fn read_at(&self, name: &str, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.open(name)?.read_at(buffer, offset)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let temporary = format!("{name}.tmp");
        let mut names = self.0.list()?;
        names.retain(|it| *it == name || *it == temporary);
        names.iter().try_for_each(|it| self.0.remove(it))?;
        self.0.sync_directory()
    }
}
