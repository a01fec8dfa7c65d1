//! A disk with a real file system on it: how large, how made, how mounted.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::run;

/// The file system's part of the disk.
pub(crate) const FILE_SYSTEM_BYTES: u64 = 16 << 20;
/// The part behind it, for promises.
pub(crate) const PROMISES_BYTES: u64 = 1 << 20;
/// What a disk writes whole.
pub(crate) const SECTOR_BYTES: usize = 512;

const TRIES_MAX: usize = 100;

/// Ways to make an ext4: bytes of a block, and what it does with data before its journal says that
/// they are there.
pub(crate) const KINDS: [(&str, &str); 4] = [
    ("4096", "journal_data_ordered"),
    ("1024", "journal_data_writeback"),
    ("1024", "journal_data_ordered"),
    ("4096", "journal_data"),
];

/// A new, empty file system in a file. When it is mounted, it knows of which kind it is.
pub(crate) fn make_file_system(
    image: &Path,
    (block_bytes, mode): (&str, &str),
) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", image.display());
    let file = std::fs::File::create(image).map_err(failed)?;
    file.set_len(FILE_SYSTEM_BYTES).map_err(failed)?;
    let mut make = Command::new("mkfs.ext4");
    make.args(["-q", "-F", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0", "-b"]);
    run(make.arg(block_bytes).arg(image))?;
    run(Command::new("tune2fs").args(["-o", mode]).arg(image))?;
    std::fs::read(image).map_err(failed)
}

/// A mounted file system; it is unmounted when this is dropped.
pub(crate) struct Mounted {
    at: PathBuf,
    is_mounted: bool,
}

impl Mounted {
    /// Mounts the file system in a file. The loop device goes by itself when it is unmounted.
    pub(crate) fn new(image: &Path, at: &Path) -> Result<Self, String> {
        let options = format!("loop,sizelimit={FILE_SYSTEM_BYTES}");
        run(Command::new("mount").args(["-t", "ext4", "-o", &options]).arg(image).arg(at))?;
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
