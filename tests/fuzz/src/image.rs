//! All files of a store as bytes: taken from a disk, damaged, and laid on another one.

use std::collections::BTreeMap;

use hitherto_store::{Disk, MemoryDisk};

/// The files of a store by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image(pub BTreeMap<String, Vec<u8>>);

impl Image {
    /// What stands on a disk.
    pub fn of(disk: &MemoryDisk) -> Self {
        let names = disk.list().expect("a disk in memory does not fail");
        Self(names.into_iter().map(|name| (name.clone(), content(disk, &name))).collect())
    }

    /// A disk with these files.
    pub fn disk(&self) -> MemoryDisk {
        let disk = MemoryDisk::new();
        for (name, bytes) in &self.0 {
            let file = disk.create(name).expect("the disk is empty");
            file.write_at(bytes, 0).expect("a disk in memory does not fail");
        }
        disk
    }

    /// The names of all files.
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// The names of the files that are not the same in another image.
    pub fn changed<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        let names = self.0.keys().chain(other.0.keys().filter(|name| !self.0.contains_key(*name)));
        let differs = |name: &&String| self.0.get(*name) != other.0.get(*name);
        names.filter(differs).map(String::as_str)
    }
}

fn content(disk: &MemoryDisk, name: &str) -> Vec<u8> {
    let read = || {
        let file = disk.open(name)?;
        let mut bytes = vec![0; usize::try_from(file.len()?).map_err(std::io::Error::other)?];
        file.read_at(&mut bytes, 0)?;
        Ok::<_, std::io::Error>(bytes)
    };
    read().expect("a disk in memory does not fail")
}
