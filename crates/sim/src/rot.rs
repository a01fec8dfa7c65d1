//! Bits that rot in what a run leaves behind: noticed or harmless, and never returned as data.

use std::sync::Arc;

use hitherto_store::{
    Direction, Disk, EmbeddedStore, ErrorKind, EventStore, Position, Query, Recorded, Result,
    repair_disk, verify_disk,
};

use crate::bank::Bank;
use crate::clock::SimClock;
use crate::cold::ColdArchive;
use crate::disk::SimDisk;
use crate::model::Model;
use crate::options::small_files;
use crate::random::Random;

const REPAIRS_ONCE_IN: u64 = 4;

/// Flips some bits of one file of a store that was closed, and looks at what is left of it; whether
/// anything was noticed.
pub(crate) fn check(
    disk: &SimDisk,
    clock: &SimClock,
    model: &Model,
    seed: u64,
) -> Result<bool, String> {
    let mut random = Random::new(seed);
    let what = flip_bits(disk, &mut random)?;
    ColdArchive::install(disk);
    let is_noticed =
        read(disk, clock, model, seed).map_err(|broken| format!("{what}: {broken}"))?;
    let damages =
        verify_disk(Arc::new(disk.clone())).map_err(|error| format!("{what}: {error}"))?;
    if is_noticed && damages.damages.is_empty() {
        return Err(format!("{what}: it is noticed by who reads, and not by a verification"));
    }
    if random.once_in(REPAIRS_ONCE_IN) {
        repair(disk, clock, model).map_err(|broken| format!("{what}: repaired: {broken}"))?;
    }
    Ok(is_noticed)
}

fn flip_bits(disk: &SimDisk, random: &mut Random) -> Result<String, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut names = disk.list().map_err(failed)?;
    let archived = disk.directory("cold").list().map_err(failed)?;
    names.extend(archived.into_iter().map(|name| format!("cold/{name}")));
    let name = &names[random.below(names.len() as u64) as usize];
    let length = disk.open(name).and_then(|file| file.len()).map_err(failed)?;
    let places: Vec<u64> = (0..=random.below(3)).map(|_| random.below(length)).collect();
    for &place in &places {
        disk.flip(name, place as usize, random.below(8) as u8);
    }
    Ok(format!("{name} of {length} bytes rotted at {places:?}"))
}

/// Whether a read ended with an error.
fn read(disk: &SimDisk, clock: &SimClock, model: &Model, seed: u64) -> Result<bool, String> {
    let store = EmbeddedStore::read_only_on(disk.clone(), clock.clone(), small_files());
    let store = match store {
        Ok(store) => store,
        Err(error) if error.kind() == ErrorKind::Corrupt => return Ok(true),
        Err(error) => return Err(format!("it does not open: {error}")),
    };
    let mut bank = Bank::new(seed);
    let mut is_noticed = read_query(&store, model, &Query::all())?;
    for _ in 0..6 {
        let mut query = bank.query(model.head(), &[]);
        (query.limit, query.bounds.since, query.bounds.until) = (None, None, None);
        is_noticed |= read_query(&store, model, &query)?;
    }
    Ok(is_noticed)
}

/// Whether it ended with an error. Up to there everything is right: only what was removed may be
/// left out, or be there again where the fact that removed it is lost.
fn read_query(store: &EmbeddedStore, model: &Model, query: &Query) -> Result<bool, String> {
    let mut wanted = model.behind(Position::START).into_iter();
    let mut backwards = wanted.clone().rev();
    let all: &mut dyn Iterator<Item = (Recorded, bool)> =
        if query.direction == Direction::Forward { &mut wanted } else { &mut backwards };
    let mut wanted = all.filter(|(event, _)| query.matches(event));
    for event in store.read(query.clone()) {
        let event = match event {
            Ok(event) => event,
            Err(error) if error.kind() == ErrorKind::Corrupt => return Ok(true),
            Err(error) => return Err(format!("{query:?}: {error}")),
        };
        match wanted.find(|(wanted, is_removed)| !is_removed || *wanted == event) {
            Some((wanted, _)) if wanted == event => {}
            other => return Err(format!("{query:?} gave {event:?} and not {other:?}")),
        }
    }
    match wanted.find(|(_, is_removed)| !is_removed) {
        Some((left, _)) => Err(format!("{query:?} leaves out {left:?}, without a word")),
        None => Ok(false),
    }
}

/// What is repaired is sound, and holds whole commits only.
fn repair(disk: &SimDisk, clock: &SimClock, model: &Model) -> Result<(), String> {
    let to = SimDisk::new();
    match repair_disk(Arc::new(disk.clone()), Arc::new(to.clone())) {
        Ok(_) => {}
        // There is nothing to say what of it is whole.
        Err(error) if error.kind() == ErrorKind::Corrupt => return Ok(()),
        Err(error) => return Err(error.to_string()),
    }
    let store = EmbeddedStore::on(to, clock.clone(), small_files());
    let store = store.map_err(|error| error.to_string())?;
    let saved = store.read(Query::all()).collect::<Result<Vec<_>>>();
    let saved = saved.map_err(|error| error.to_string())?;
    let all = model.events();
    let is_right = |event: &&Recorded| all.get(event.position().0 as usize - 1) == Some(*event);
    if let Some(wrong) = saved.iter().find(|event| !is_right(event)) {
        return Err(format!("{wrong:?} was never appended there"));
    }
    match Bank::total(&saved) {
        0 => Ok(()),
        _ => Err("money was made or lost: half a commit is there".to_owned()),
    }
}
