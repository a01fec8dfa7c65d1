//! Sealing, merging, compressing, scavenging, archiving, backups and followers go on in the
//! simulated runs, so that power cuts, kills and faults fall into them, and bits rot in what they
//! leave behind: a simulation without them would prove nothing about them.

use hitherto_sim::{fresh_plan, run};

#[test]
fn everything_that_a_store_does_happens_in_many_runs() {
    let (mut with_index, mut with_compressed, mut with_removed) = (0, 0, 0);
    let (mut with_archived, mut with_backups) = (0, 0);
    let (mut with_followers, mut with_rot) = (0, 0);
    for seed in 0..60 {
        let trace = run(fresh_plan(seed)).unwrap_or_else(|failure| panic!("{failure:?}"));
        with_index += u32::from(trace.index_files > 0);
        with_compressed += u32::from(trace.compressed_files > 0);
        with_removed += u32::from(trace.removed_events > 0);
        with_archived += u32::from(trace.archived_files > 0);
        with_backups += u32::from(trace.backups > 1);
        with_followers += u32::from(trace.followed_events > trace.acknowledged);
        with_rot += u32::from(trace.is_rot_noticed);
    }
    assert!(with_index > 30, "only {with_index} runs of 60 wrote an index file");
    assert!(with_removed > 10, "only {with_removed} runs of 60 removed an event");
    assert!(with_archived > 8, "only {with_archived} runs of 60 moved a file to the archive");
    assert!(with_backups > 10, "only {with_backups} runs of 60 took backups");
    assert!(with_compressed > 15, "only {with_compressed} runs of 60 compressed a file");
    assert!(with_followers > 50, "only {with_followers} runs of 60 had followers");
    assert!(with_rot > 10, "only in {with_rot} runs of 60 a rotten bit was noticed");
}
