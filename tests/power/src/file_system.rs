//! The file systems that power is cut under, each in several kinds.

use std::ops::Range;

use crate::disk::SECTOR_BYTES;

/// What a file system is, whatever its kind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileSystem {
    pub(crate) name: &'static str,
    /// As small as it can be with room for the load: every state is a copy of all of it.
    pub(crate) bytes: u64,
    /// What its disk writes whole.
    pub(crate) sector_bytes: usize,
    /// Bytes that are written as one in spite of that, because the file system itself does not
    /// mount when their sectors differ, whatever lies on it.
    pub(crate) superblock: Range<usize>,
    /// Whether a new file that was synced may have lost its name, because its directory was not.
    pub(crate) forgets_names: bool,
    /// What every mount is told.
    mount: &'static str,
    make: &'static str,
}

/// One way to make and to mount a file system.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) file_system: &'static FileSystem,
    pub(crate) name: &'static str,
    make: &'static str,
    mount: &'static str,
}

static EXT4: FileSystem = FileSystem {
    name: "ext4",
    bytes: 16 << 20,
    sector_bytes: SECTOR_BYTES,
    superblock: 1024..2048,
    forgets_names: true,
    mount: "",
    make: "-q -F -E nodiscard,lazy_itable_init=0,lazy_journal_init=0",
};

/// It takes for granted that a block of a directory is written whole, and refuses the mount if it
/// was not. Copies of one disk are mounted beside each other, which it must be told.
static XFS: FileSystem = FileSystem {
    name: "xfs",
    bytes: 32 << 20,
    sector_bytes: 4096,
    superblock: 0..0,
    forgets_names: true,
    mount: ",nouuid",
    make: "-q -K",
};

/// The first sync of a file keeps its name, too.
static BTRFS: FileSystem = FileSystem {
    name: "btrfs",
    bytes: 64 << 20,
    sector_bytes: SECTOR_BYTES,
    superblock: (64 << 10)..(68 << 10),
    forgets_names: false,
    mount: "",
    make: "-q -K -m single",
};

/// What data are kept before the journal says that they are there, sizes of blocks, and whatever
/// else takes another path to the disk.
pub(crate) static KINDS: [Kind; 12] = [
    kind(&EXT4, "ext4-ordered", "-b 4096", ",data=ordered"),
    kind(&EXT4, "ext4-writeback-1024", "-b 1024", ",data=writeback"),
    kind(&EXT4, "ext4-ordered-1024", "-b 1024", ",data=ordered"),
    kind(&EXT4, "ext4-journal", "-b 4096", ",data=journal"),
    kind(&XFS, "xfs", "", ""),
    kind(&XFS, "xfs-extents-16", "-d extszinherit=16", ""),
    kind(&XFS, "xfs-reverse-map", "-m rmapbt=1", ",logbsize=256k"),
    kind(&XFS, "xfs-sectors-4096", "-s size=4096", ""),
    kind(&BTRFS, "btrfs", "", ""),
    kind(&BTRFS, "btrfs-nodatacow", "", ",nodatacow"),
    kind(&BTRFS, "btrfs-zstd", "", ",compress-force=zstd"),
    kind(&BTRFS, "btrfs-no-log", "", ",notreelog"),
];

const fn kind(
    file_system: &'static FileSystem,
    name: &'static str,
    make: &'static str,
    mount: &'static str,
) -> Kind {
    Kind { file_system, name, make, mount }
}

impl Kind {
    /// All kinds of the file system of this name.
    pub(crate) fn of(file_system: &str) -> Result<Vec<&'static Self>, String> {
        let kinds = KINDS.iter().filter(|kind| kind.file_system.name == file_system);
        match kinds.collect::<Vec<_>>() {
            kinds if kinds.is_empty() => {
                Err(format!("nobody knows here how {file_system} is made"))
            }
            kinds => Ok(kinds),
        }
    }

    /// The kind of this name.
    pub(crate) fn named(name: &str) -> Result<&'static Self, String> {
        let found = KINDS.iter().find(|kind| kind.name == name);
        found.ok_or_else(|| format!("there is no kind of file system that is called {name:?}"))
    }

    /// What the program that makes it is told.
    pub(crate) fn make_options(&self) -> impl Iterator<Item = &'static str> {
        self.file_system.make.split_whitespace().chain(self.make.split_whitespace())
    }

    /// What the mount is told.
    pub(crate) fn mount_options(&self) -> String {
        let FileSystem { bytes, mount, .. } = self.file_system;
        format!("loop,sizelimit={bytes}{mount}{}", self.mount)
    }
}
