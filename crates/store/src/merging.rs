//! Which index files become one, so that there are few of them however many events there are.

use std::ops::Range;

/// How many index files of about the same size, or smaller ones behind them, become one.
const MERGE_WIDTH: usize = 4;
/// Index files with more events are not merged any more.
const MERGED_EVENTS_MAX: u64 = 1 << 28;

/// Which segments of these sizes, oldest first, should become one: the newest of which enough
/// follow one another that are no larger than the last of them. There may be smaller ones behind,
/// which came while those were merged.
pub(crate) fn worth_merging(sizes: &[u32]) -> Option<Range<usize>> {
    let level = |size: u32| size.max(1).ilog(MERGE_WIDTH as u32);
    (MERGE_WIDTH..=sizes.len()).rev().find_map(|end| {
        let last = level(sizes[end - 1]);
        let no_larger = sizes[..end].iter().rev().take_while(|&&size| level(size) <= last);
        let from = end - no_larger.count();
        let events: u64 = sizes[from..end].iter().map(|&size| u64::from(size)).sum();
        (end - from >= MERGE_WIDTH && events <= MERGED_EVENTS_MAX).then_some(from..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_segments_come_few_are_left() {
        let mut sizes: Vec<u32> = Vec::new();
        let mut written = 0_u64;
        for _ in 0..4096 {
            sizes.push(1000);
            while let Some(range) = worth_merging(&sizes) {
                let merged: u32 = sizes[range.clone()].iter().sum();
                written += u64::from(merged);
                sizes.splice(range, [merged]);
            }
            assert!(sizes.len() <= 3 * 7, "{sizes:?}");
        }
        assert!(written <= 4096 * 1000 * 7, "each event is written once a level: {written}");
    }

    #[test]
    fn small_segments_before_a_large_one_go_into_it() {
        assert_eq!(worth_merging(&[100, 400, 1600, 6400]), Some(0..4));
        assert_eq!(worth_merging(&[6400, 100, 400]), None);
    }

    /// A large one was only merged with its like if no small one had come meanwhile, which always
    /// had in a store that was filled fast: it kept some 70 index files with a hundred million
    /// events.
    #[test]
    fn large_segments_are_merged_although_small_ones_have_come_meanwhile() {
        assert_eq!(worth_merging(&[6400, 6400, 6400, 6400, 100]), Some(0..4));
        let mut sizes: Vec<u32> = Vec::new();
        for _ in 0..4096 {
            sizes.push(1000);
            let found = worth_merging(&sizes);
            sizes.extend([1000; 2]); // they come while it is merged
            if let Some(range) = found {
                let merged: u32 = sizes[range.clone()].iter().sum();
                sizes.splice(range, [merged]);
            }
            assert!(sizes.len() <= 4 * 8, "{sizes:?}");
        }
    }
}
