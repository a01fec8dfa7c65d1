//! What a scavenge removed is in no file any more, whatever failed and crashed before: looked for
//! in all bytes of the disk, and in what is compressed.

use hitherto_sim::{History, SimClock, SimDisk, fresh_plan, run, small_files};
use hitherto_store::{Append, EmbeddedStore, NewEvent, Result, Target};

/// Plans that found text of removed events: in what stays here of a file in an archive (165, 168,
/// 172), behind the end of a log file (1), in an index that no one used (125), and in an archive,
/// in objects of moves that were interrupted (222, 230, 258, 441, 575, 728, 870, 1352, 1390).
#[test]
fn in_runs_that_once_found_it() {
    for seed in [1, 125, 165, 168, 172, 222, 230, 258, 441, 575, 728, 870, 1352, 1390] {
        run(fresh_plan(seed)).unwrap_or_else(|failure| panic!("{failure:?}"));
    }
}

/// A plan in which the disk failed when a file that had been scavenged was looked at: the file in
/// the archive was taken for the newer one, and a backup was made of that.
#[test]
fn in_a_run_in_which_an_error_was_taken_for_damage() {
    run(fresh_plan(11_272_678_157_983_013_545)).unwrap_or_else(|failure| panic!("{failure:?}"));
}

/// Plans in which a file that had been scavenged rotted, and the older one was looked for in the
/// archive, from which it had gone: that was said to be out of reach.
#[test]
fn in_runs_in_which_a_damaged_file_was_taken_for_one_in_the_archive() {
    for seed in [424_637, 99_001_184] {
        run(fresh_plan(seed)).unwrap_or_else(|failure| panic!("{failure:?}"));
    }
}

/// Plans in which only marks stood behind a part of an index that was just full: an empty part was
/// made of them, and when that was removed, the index that had been built anew went with it.
#[test]
fn in_runs_in_which_an_index_that_was_built_anew_was_lost() {
    for seed in [7085, 7168] {
        run(fresh_plan(seed)).unwrap_or_else(|failure| panic!("{failure:?}"));
    }
}

const SECRET: &str = "the third ward, on a Sunday";

/// Nothing is compressed but what is scavenged, so that text is found in the bytes themselves.
fn open(disk: &SimDisk) -> Result<EmbeddedStore> {
    let mut options = small_files();
    options.raw_bytes_max = 1 << 20;
    EmbeddedStore::on(disk.clone(), SimClock::default(), options)
}

fn secret() -> Append {
    let events = (0..6).map(|_| NewEvent::json("Said", SECRET.repeat(20)));
    Append::to("gone-1").events(events)
}

fn kept() -> Append {
    Append::to("kept-1").event(NewEvent::json("Said", "{}"))
}

fn has_secret(disk: &SimDisk) -> bool {
    let is_in = |bytes: &[u8]| bytes.windows(SECRET.len()).any(|it| it == SECRET.as_bytes());
    disk.contents().iter().any(|(_, bytes)| is_in(bytes))
}

/// The disk after a power cut at that operation of an append, and what its caller knows.
fn cut_in(disk: &SimDisk, append: Append, operation: u64, seed: u64) -> Option<(SimDisk, History)> {
    let (store, mut history) = (open(disk).expect("it opens"), History::default());
    disk.cut_power_at(disk.operations() + operation);
    let is_stored = history.append(&store, append);
    (!is_stored).then(|| (disk.after_power_cut(seed), history))
}

/// A commit was torn, the power went again while the next file was begun, and the commit was
/// repeated: what the first crash left of it stayed behind the end of its file, for good.
#[test]
fn what_a_crash_tore_of_a_commit_goes_before_its_repeat_is_removed() {
    let mut torn = 0;
    for seed in 0..12 {
        for operation in 1..16 {
            let cut = cut_in(&SimDisk::new(), secret(), 1, seed);
            let (disk, mut history) = cut.expect("it writes");
            torn += u32::from(has_secret(&disk));
            let Some((disk, _)) = cut_in(&disk, kept(), operation, seed) else { break };
            let store = open(&disk).expect("it opens");
            history.settle(&store).expect("it is stored now");
            assert!(has_secret(&disk));
            store.delete(Target::stream("gone-1")).expect("it is there");
            store.scavenge().expect("there is room");
            assert!(!has_secret(&disk), "operation {operation}, seed {seed}");
        }
    }
    assert!(torn > 30, "only {torn} commits were torn");
}
