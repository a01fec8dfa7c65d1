//! Known bugs, planted on demand: a simulation that does not find them is no test.
//!
//! Without the feature `planted-bugs`, which no product turns on, none can be planted.

#[cfg(feature = "planted-bugs")]
use std::cell::Cell;
use std::ops::RangeInclusive;

/// A mistake that stores are known to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "planted-bugs"),
    expect(unreachable_pub, reason = "public with the feature")
)]
pub enum PlantedBug {
    /// Tells the caller "saved" without the bytes having been synced.
    AcknowledgeBeforeSync,
    /// Does not make the names of new files durable.
    SkipDirectorySync,
    /// Takes damaged acknowledged data for a torn tail, and cuts it off.
    TruncateAtDamage,
    /// Believes every checksum: what the format's lengths and counts do then is what somebody who
    /// writes good checksums can do with them.
    BelieveChecksums,
    /// Saves of a damaged commit the events that are whole, so that half of it is seen.
    SalvageHalfCommits,
    /// Gives a rewritten log file its name, and removes the old one, before its bytes are synced.
    NameBeforeSync,
    /// Removes what is on hold.
    IgnoreHolds,
    /// Gives the writer back without looking whether somebody queued up meanwhile.
    ForgetTheQueue,
    /// Tells the caller "saved" before readers can see it.
    AnswerBeforePublish,
    /// Lets readers see what is not synced yet.
    PublishBeforeSync,
    /// Sleeps as a follower without having looked once more after saying where to be woken.
    SleepWithoutLooking,
    /// Takes a log file for missing that was compressed between two looks at its names.
    LookForFilesOnce,
    /// No mistake, but bad luck: names and ids have one of only eight hashes.
    HashesCollide,
    /// The same, and takes one name for another that has the same hash.
    TrustHashes,
    /// Looks only for the first of the tags that an event must have.
    OneTermIsEnough,
    /// Believes every checksum, and numbers that no store reaches.
    BelieveNumbers,
    /// Goes on behind damage in the middle of the log as if nothing had been there.
    StepOverDamage,
    /// Takes a log file for its own, whatever its header says of the store, its number, and what is
    /// before it.
    TakeAnyFile,
    /// Lets a second process write.
    LockNobodyOut,
    /// Takes no more appends after there was no room once.
    StopForWantOfRoom,
    /// Lets any number of appends wait in memory for a slow disk.
    QueueWithoutBound,
    /// Writes down whatever time the clock says.
    BelieveTheClock,
    /// Counts positions with 32 bits.
    CountWith32Bits,
    /// Removes a file that was moved to an archive before it is noted durably where it went.
    ForgetBeforeNoting,
    /// Does not look whether what was put into an archive comes back.
    BelieveTheArchive,
    /// Names the copies of a backup without having synced them.
    NameBackupBeforeSync,
    /// Takes what one read brought for all that is there.
    BelieveShortReads,
    /// Wakes no follower when something is published.
    WakeNobody,
    /// Compresses a log file with a dictionary that is there already: that of the file as it was,
    /// or of the file before it.
    TakeAnyDictionary,
    /// Has in a rewritten log file a second time what it had before.
    GatherWhatWasThere,
    /// Leaves the index of a log file as it was when something is removed from that.
    LeaveIndexes,
}

/// Whether what is stored has the checksum that it should have.
pub(crate) fn checksum_fits<T: PartialEq + Copy>(stored: T, computed: T) -> bool {
    stored == computed
        || is_planted(PlantedBug::BelieveChecksums)
        || is_planted(PlantedBug::BelieveNumbers)
}

/// Whether a number is one that a store can reach.
pub(crate) fn can_be(number: u64, range: &RangeInclusive<u64>) -> bool {
    range.contains(&number) || is_planted(PlantedBug::BelieveNumbers)
}

/// What an operation came to that a planted bug leaves out.
pub(crate) fn unless(
    bug: PlantedBug,
    operation: impl FnOnce() -> std::io::Result<()>,
) -> std::io::Result<()> {
    if is_planted(bug) { Ok(()) } else { operation() }
}

/// The hash that is used in the place of this one: the same, but for planted bad luck.
pub(crate) fn lucky(hash: u64) -> u64 {
    if is_planted(PlantedBug::HashesCollide) || is_planted(PlantedBug::TrustHashes) {
        return (hash % 8) * 0x2000_0000_0000_0001;
    }
    hash
}

/// Whether a name is the one that is looked for, if their hashes are equal.
pub(crate) fn is_named(name: &[u8], wanted: &[u8]) -> bool {
    name == wanted || is_planted(PlantedBug::TrustHashes)
}

#[cfg(feature = "planted-bugs")]
thread_local! {
    static PLANTED: Cell<Option<PlantedBug>> = const { Cell::new(None) };
}

/// Plants a bug in everything that this thread does in a store, or takes it out again.
#[cfg(feature = "planted-bugs")]
pub fn plant(bug: Option<PlantedBug>) {
    PLANTED.set(bug);
}

#[cfg(feature = "planted-bugs")]
pub(crate) fn is_planted(bug: PlantedBug) -> bool {
    PLANTED.get() == Some(bug)
}

#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn is_planted(_: PlantedBug) -> bool {
    false
}
