//! A disk with a cache that it loses, sectors that tear, and faults on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hitherto_store::{Disk, DiskFile};

use crate::faults::{Faults, Operation};
use crate::random::Random;

const SECTOR: usize = 512;

/// A directory of a simulated disk. Clones are the same directory.
#[derive(Clone, Default)]
pub struct SimDisk {
    world: Arc<Mutex<World>>,
    /// What the names of its files begin with: nothing, or a name and a slash.
    prefix: String,
}

type FileNumber = usize;
type Names = BTreeMap<String, FileNumber>;

#[derive(Clone, Default)]
struct World {
    files: Vec<Content>,
    /// What a program sees, and what is left when the power goes.
    names: Names,
    durable_names: Names,
    unsynced_names: Vec<NameChange>,
    /// The directories that are locked.
    locks: BTreeSet<String>,
    operations: u64,
    power_off_at: Option<u64>,
    faults: Faults,
    capacity: Option<u64>,
    flushes_lie: bool,
    /// How many of the bytes that are asked for a read brings; all of them if there is none.
    short_reads: Option<Random>,
    /// A hash of everything that was done, to see that two runs were the same.
    trace: u64,
}

/// A file: what a program sees, what is left when the power goes, and what lies between.
#[derive(Clone, Default)]
struct Content {
    seen: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Clone)]
enum NameChange {
    Linked(String, FileNumber),
    /// One change: after a crash a file has its old name or its new one.
    Renamed {
        from: String,
        to: String,
        number: FileNumber,
    },
    Unlinked(String),
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another directory of the same machine: it has names of its own, and the same power, room
    /// and faults.
    #[must_use]
    pub fn directory(&self, name: &str) -> Self {
        Self { world: Arc::clone(&self.world), prefix: format!("{name}/") }
    }

    /// Operations that change something, so far.
    pub fn operations(&self) -> u64 {
        self.world().operations
    }

    /// A hash of everything that was done, in order.
    pub fn trace(&self) -> u64 {
        self.world().trace
    }

    /// Cuts the power when so many operations were begun: that one and all after it fail.
    pub fn cut_power_at(&self, operation: u64) {
        self.world().power_off_at = Some(operation);
    }

    /// Whether the power is off.
    pub fn is_off(&self) -> bool {
        let world = self.world();
        world.power_off_at.is_some_and(|at| world.operations >= at)
    }

    /// Fails the n-th operation of a kind from now, counted from 1.
    pub fn fail_once(&self, operation: Operation, from_now: u64) {
        self.world().faults.plan(operation, from_now, false);
    }

    /// Fails the n-th operation of a kind from now, and all after it.
    pub fn fail_from(&self, operation: Operation, from_now: u64) {
        self.world().faults.plan(operation, from_now, true);
    }

    /// Takes back all faults that were planned.
    pub fn fail_no_more(&self) {
        self.world().faults = Faults::default();
    }

    /// Whether something failed because it was asked for, or for want of room.
    pub fn has_failed(&self) -> bool {
        self.world().faults.has_shown()
    }

    /// Gives the disk so many bytes, or as many as wanted.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.world().capacity = bytes;
    }

    /// The files of this directory with what is in them, as they are: no read is made for it that
    /// could fail.
    pub fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let world = self.world();
        let names = world.names.iter();
        let here = names.filter_map(|(name, &number)| Some((name_in(&self.prefix, name)?, number)));
        here.map(|(name, number)| (name.to_owned(), world.files[number].seen.clone())).collect()
    }

    /// Bytes that the files take.
    pub fn used_bytes(&self) -> u64 {
        self.world().used_bytes()
    }

    /// From now on says "synced" without doing it, as bad disks do.
    pub fn lie_about_flushes(&self) {
        self.world().flushes_lie = true;
    }

    /// From now on some reads bring fewer bytes than there are, as system calls may.
    pub fn read_in_parts(&self, seed: u64) {
        self.world().short_reads = Some(Random::new(seed));
    }

    /// Flips a bit of a file, on disk and in the cache.
    pub fn flip(&self, name: &str, offset: usize, bit: u8) {
        let mut world = self.world();
        let number = world.names[&self.full(name)];
        let file = &mut world.files[number];
        for bytes in [&mut file.seen, &mut file.durable] {
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    /// The disk as it is after the power came back: of what was not synced, anything may be there.
    #[must_use]
    pub fn after_power_cut(&self, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut world = self.world().clone();
        let changes = std::mem::take(&mut world.unsynced_names);
        let mut names = std::mem::take(&mut world.durable_names);
        for change in changes {
            if random.once_in(2) {
                change.apply(&mut names);
            }
        }
        for file in &mut world.files {
            file.lose_cache(&mut random);
        }
        Self::restarted(World { durable_names: names.clone(), names, ..world })
    }

    /// The disk as the next process finds it after a kill: the cache is still there.
    #[must_use]
    pub fn after_kill(&self) -> Self {
        Self::restarted(self.world().clone())
    }

    fn restarted(world: World) -> Self {
        let faults = Faults::default();
        let world = World { locks: BTreeSet::new(), power_off_at: None, faults, ..world };
        Self { world: Arc::new(Mutex::new(world)), prefix: String::new() }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of a file with that of its directory.
    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn file(&self, number: FileNumber) -> Arc<dyn DiskFile> {
        Arc::new(SimFile { disk: self.clone(), number })
    }
}

impl NameChange {
    /// Whether it is one of this directory.
    fn is_in(&self, prefix: &str) -> bool {
        let (Self::Linked(name, _) | Self::Renamed { to: name, .. } | Self::Unlinked(name)) = self;
        name_in(prefix, name).is_some()
    }

    fn apply(&self, names: &mut Names) {
        match self {
            Self::Linked(name, number) => drop(names.insert(name.clone(), *number)),
            Self::Renamed { from, to, number } => {
                names.insert(to.clone(), *number);
                names.remove(from);
            }
            Self::Unlinked(name) => drop(names.remove(name)),
        }
    }
}

/// The name of a file in a directory, if it is there and not in one below it.
fn name_in<'name>(prefix: &str, full: &'name str) -> Option<&'name str> {
    full.strip_prefix(prefix).filter(|name| !name.contains('/'))
}

impl Content {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen, |_| true);
        self.unsynced.push(change);
    }

    /// Only what is still marked as changed gets to the disk: what an earlier sync failed to write
    /// counts as clean, though it is not there.
    fn sync(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            change.apply(&mut self.durable, |_| true);
        }
    }

    /// Each change is lost, kept, or torn: then each of its sectors is lost or kept.
    fn lose_cache(&mut self, random: &mut Random) {
        for change in std::mem::take(&mut self.unsynced) {
            match random.below(3) {
                0 => {}
                1 => change.apply(&mut self.durable, |_| true),
                _ => change.apply(&mut self.durable, |_| random.once_in(2)),
            }
        }
        self.seen.clone_from(&self.durable);
    }
}

impl Change {
    /// What is done of a change that fails in the middle.
    fn first_half(self) -> Self {
        match self {
            Self::Write { offset, mut bytes } => {
                bytes.truncate(bytes.len() / 2);
                Self::Write { offset, bytes }
            }
            Self::Length(length) => Self::Length(length),
        }
    }

    fn apply(&self, target: &mut Vec<u8>, mut keeps_sector: impl FnMut(usize) -> bool) {
        match self {
            Self::Length(length) => {
                if keeps_sector(0) {
                    target.resize(*length, 0);
                }
            }
            Self::Write { offset, bytes } => {
                let mut start = *offset;
                let end = offset + bytes.len();
                while start < end {
                    let stop = ((start / SECTOR + 1) * SECTOR).min(end);
                    if keeps_sector(start / SECTOR) {
                        target.resize(target.len().max(stop), 0);
                        target[start..stop].copy_from_slice(&bytes[start - offset..stop - offset]);
                    }
                    start = stop;
                }
            }
        }
    }
}

impl World {
    /// Counts an operation; fails if the power is off by then.
    fn begin(&mut self, what: u64) -> io::Result<()> {
        self.operations += 1;
        self.trace = Random::new(self.trace ^ what).number();
        match self.power_off_at {
            Some(at) if self.operations >= at => Err(io::Error::other("the power is off")),
            _ => Ok(()),
        }
    }

    fn used_bytes(&self) -> u64 {
        self.names.values().map(|&number| self.files[number].seen.len() as u64).sum()
    }

    fn rename_in_cache(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }

    /// The names of one directory are on the disk now, those of the others as before.
    fn sync_names(&mut self, prefix: &str) {
        let changes = std::mem::take(&mut self.unsynced_names).into_iter();
        let (here, elsewhere): (Vec<_>, _) = changes.partition(|change| change.is_in(prefix));
        for change in here {
            change.apply(&mut self.durable_names);
        }
        self.unsynced_names = elsewhere;
    }

    /// How many of so many bytes a read brings.
    fn shorten(&mut self, bytes: usize) -> usize {
        let Some(random) = &mut self.short_reads else { return bytes };
        let is_short = bytes > 1 && random.once_in(4);
        if is_short { 1 + random.below(bytes as u64 - 1) as usize } else { bytes }
    }

    fn find(&self, name: &str) -> io::Result<FileNumber> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for SimDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let world = self.world();
        let names = world.names.keys().filter_map(|name| name_in(&self.prefix, name));
        Ok(names.map(str::to_owned).collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut world = self.world();
        world.begin(1)?;
        world.faults.strike(Operation::Names)?;
        let name = self.full(name);
        if world.names.contains_key(&name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let number = world.files.len();
        world.files.push(Content::default());
        world.rename_in_cache(NameChange::Linked(name, number));
        drop(world);
        Ok(self.file(number))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let number = self.world().find(&self.full(name))?;
        Ok(self.file(number))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        world.begin(2)?;
        world.faults.strike(Operation::Names)?;
        let (from, to) = (self.full(from), self.full(to));
        let number = world.find(&from)?;
        world.rename_in_cache(NameChange::Renamed { from, to, number });
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        let name = self.full(name);
        world.find(&name)?;
        world.begin(3)?;
        world.faults.strike(Operation::Names)?;
        world.rename_in_cache(NameChange::Unlinked(name));
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut world = self.world();
        world.begin(4)?;
        world.faults.strike(Operation::Names)?;
        if !world.flushes_lie {
            world.sync_names(&self.prefix);
        }
        Ok(())
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        let mut world = self.world();
        if !world.locks.insert(self.prefix.clone()) {
            return Err(io::Error::new(io::ErrorKind::WouldBlock, "it is open in this simulation"));
        }
        Ok(Box::new(Lock(self.clone())))
    }
}

struct Lock(SimDisk);

impl Drop for Lock {
    fn drop(&mut self) {
        let SimDisk { prefix, .. } = &self.0;
        self.0.world().locks.remove(prefix);
    }
}

struct SimFile {
    disk: SimDisk,
    number: FileNumber,
}

impl SimFile {
    fn change(&self, what: u64, change: Change) -> io::Result<()> {
        let mut world = self.disk.world();
        // A write that the power is cut in may be on disk all the same, whole or in part.
        let is_on = world.begin(what);
        if is_on.is_ok() && !fits(&world, self.number, &change) {
            world.faults.show();
            return Err(io::ErrorKind::StorageFull.into());
        }
        let struck = world.faults.strike(Operation::Write);
        let change = if struck.is_ok() { change } else { change.first_half() };
        world.files[self.number].change(change);
        is_on.and(struck)
    }
}

fn fits(world: &World, number: FileNumber, change: &Change) -> bool {
    let end = match change {
        Change::Write { offset, bytes } => offset + bytes.len(),
        Change::Length(length) => *length,
    };
    let grows = end.saturating_sub(world.files[number].seen.len()) as u64;
    world.capacity.is_none_or(|capacity| grows == 0 || world.used_bytes() + grows <= capacity)
}

impl DiskFile for SimFile {
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut world = self.disk.world();
        world.faults.strike(Operation::Read)?;
        let there = world.files[self.number].seen.len();
        let start = there.min(usize::try_from(offset).unwrap_or(usize::MAX));
        let length = world.shorten(buffer.len().min(there - start));
        let bytes = &world.files[self.number].seen[start..start + length];
        buffer[..length].copy_from_slice(bytes);
        Ok(length)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let what = offset.wrapping_mul(31)
            ^ bytes.iter().fold(5, |hash, &byte| {
                u64::wrapping_mul(hash, 1_099_511_628_211) ^ u64::from(byte)
            });
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        self.change(what, Change::Write { offset, bytes: bytes.to_vec() })
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.disk.world();
        world.begin(6)?;
        if let Err(error) = world.faults.strike(Operation::Sync) {
            // As Linux does: the error is told once, and the pages count as clean from then on.
            world.files[self.number].unsynced.clear();
            return Err(error);
        }
        if !world.flushes_lie {
            world.files[self.number].sync();
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.world().files[self.number].seen.len() as u64)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let length = usize::try_from(bytes).map_err(io::Error::other)?;
        self.change(7 ^ bytes, Change::Length(length))
    }
}
