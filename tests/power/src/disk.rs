//! A disk with a real file system on it: how large, how made, how mounted.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::file_system::Kind;
use crate::program::run;

/// Where promises are written: behind the largest file system.
pub(crate) const PROMISES_OFFSET: u64 = 64 << 20;
/// Room for them.
pub(crate) const PROMISES_BYTES: u64 = 1 << 20;
/// What a disk is addressed by, and most of them write whole.
pub(crate) const SECTOR_BYTES: usize = 512;

const TRIES_MAX: usize = 100;

/// `mkfs.xfs` makes a file system as small as this only for those who test it.
const TESTS_OF_XFS: [(&str, &str); 3] =
    [("TEST_DIR", "1"), ("TEST_DEV", "1"), ("QA_CHECK_FS", "1")];

/// A new, empty file system in a file.
pub(crate) fn make_file_system(image: &Path, kind: &Kind) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", image.display());
    let file = std::fs::File::create(image).map_err(failed)?;
    file.set_len(kind.file_system.bytes).map_err(failed)?;
    let mut make = Command::new(format!("mkfs.{}", kind.file_system.name));
    run(make.args(kind.make_options()).arg(image).envs(TESTS_OF_XFS))?;
    std::fs::read(image).map_err(failed)
}

/// A mounted file system; it is unmounted when this is dropped.
pub(crate) struct Mounted {
    at: PathBuf,
    is_mounted: bool,
}

impl Mounted {
    /// Mounts the file system in a file. The loop device goes by itself when it is unmounted.
    pub(crate) fn new(image: &Path, at: &Path, kind: &Kind) -> Result<Self, String> {
        let mut mount = Command::new("mount");
        mount.args(["-t", kind.file_system.name, "-o", &kind.mount_options()]);
        run(mount.arg(image).arg(at))?;
        Ok(Self { at: at.to_owned(), is_mounted: true })
    }

    /// Where the store lies on it.
    pub(crate) fn store(&self) -> PathBuf {
        self.at.join("bank.hitherto")
    }

    pub(crate) fn unmount(mut self) -> Result<(), String> {
        self.is_mounted = false;
        self.try_to_unmount()
    }

    /// A program that another thread is about to start holds all open files for a moment, so the
    /// file system may still be busy when the store is closed.
    fn try_to_unmount(&self) -> Result<(), String> {
        let mut unmounted = run(Command::new("umount").arg(&self.at));
        for _ in 0..TRIES_MAX {
            if unmounted.is_ok() {
                break;
            }
            unmounted = run(Command::new("umount").arg(&self.at));
        }
        unmounted
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if self.is_mounted {
            // An error is being reported already; the mount goes with this namespace at the latest.
            let _ = self.try_to_unmount();
        }
    }
}
