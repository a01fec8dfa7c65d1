//! What must hold of a repair: whole commits are saved, as they were appended, everything else is
//! named, and the new store is sound.

use std::sync::Arc;

use hitherto_store::{
    Append, Damage, Disk, EmbeddedStore, Error, ErrorKind, EventStore, MemoryDisk, NewEvent,
    Position, Query, Recorded, Salvage, repair_disk, verify_disk,
};

use crate::check::{Broken, ensure};
use crate::disk::BoundedDisk;
use crate::image::Image;
use crate::sound::{Sound, TickingClock, options};

/// Repairs the store of an image; gives the error that says why there is nothing to repair.
pub(crate) fn check(sound: &Sound, image: &Image) -> Result<Option<Error>, Broken> {
    let (from, to) = (Arc::new(BoundedDisk::new(image.disk())), MemoryDisk::new());
    let salvage = match repair_disk(from, Arc::new(BoundedDisk::new(to.clone()))) {
        Ok(salvage) => salvage,
        Err(error) => {
            let kinds = [ErrorKind::Corrupt, ErrorKind::Invalid, ErrorKind::NotFound];
            ensure!(kinds.contains(&error.kind()), "a repair ended with {error:?}");
            let names = to.list().map_err(|error| error.to_string())?;
            ensure!(!names.contains(&"format".to_owned()), "a failed repair left a store");
            return Ok(Some(error));
        }
    };
    let store = EmbeddedStore::on(to.clone(), TickingClock::default(), options());
    let store = store.map_err(|error| format!("what was repaired does not open: {error}"))?;
    let stat = store.stat().map_err(|error| format!("it has no numbers: {error}"))?;
    if stat.store_id != sound.store_id {
        return Ok(None); // the damage made another store of it, or a new one
    }
    let saved = store.read(Query::all()).collect::<Result<Vec<_>, _>>();
    let saved = saved.map_err(|error| format!("what was repaired cannot be read: {error}"))?;
    are_whole_commits(sound, &saved)?;
    is_everything_named(sound, image, &saved, &salvage)?;
    goes_on(&store, &salvage)?;
    drop(store);
    let report = verify_disk(Arc::new(to)).map_err(|error| error.to_string())?;
    ensure!(report.damages.is_empty(), "what was repaired is damaged: {:?}", report.damages);
    Ok(None)
}

/// Every event is the one that was appended at its place, and no commit is there in part.
fn are_whole_commits(sound: &Sound, saved: &[Recorded]) -> Result<(), Broken> {
    for event in saved {
        let wanted = sound.events.get(event.position().0 as usize - 1);
        ensure!(wanted == Some(event), "a repair made {event:?} of {wanted:?}");
    }
    let is_saved = |position: u64| saved.binary_search_by_key(&position, at).is_ok();
    for commit in sound.commits.windows(2) {
        let there = (commit[0] + 1..=commit[1]).filter(|&position| is_saved(position)).count();
        let is_whole = there == 0 || there as u64 == commit[1] - commit[0];
        ensure!(is_whole, "of the commit that ends at {} a repair saved {there}", commit[1]);
    }
    Ok(())
}

/// What was not saved is named as lost, but for an end that looks torn.
fn is_everything_named(
    sound: &Sound,
    image: &Image,
    saved: &[Recorded],
    salvage: &Salvage,
) -> Result<(), Broken> {
    ensure!(saved.len() as u64 == salvage.events, "{} saved, {salvage:?}", saved.len());
    let names = |damage: &Damage, position| {
        let lost = damage.positions;
        lost.is_some_and(|(first, last)| (first..=last).contains(&Position(position)))
    };
    for position in 1..=sound.events_at_least(image) {
        let is_saved = saved.binary_search_by_key(&position, at).is_ok();
        let is_named = salvage.losses.iter().any(|loss| names(loss, position));
        ensure!(is_saved || is_named, "event {position} was lost without a word: {salvage:?}");
        ensure!(!is_saved || !is_named, "event {position} was saved, and named: {salvage:?}");
    }
    Ok(())
}

/// The new store takes more, behind everything that is known.
fn goes_on(store: &EmbeddedStore, salvage: &Salvage) -> Result<(), Broken> {
    let more = Append::to("more").event(NewEvent::json("Added", "{}"));
    let saved = store.append(more).map_err(|error| format!("it takes no more: {error}"))?;
    ensure!(saved.position == salvage.head.next(), "{saved:?} behind {}", salvage.head);
    Ok(())
}

fn at(event: &Recorded) -> u64 {
    event.position().0
}
