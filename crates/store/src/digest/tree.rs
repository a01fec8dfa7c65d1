//! The Merkle tree over all events, as in RFC 6962, section 2.1, with BLAKE3 in the place of
//! SHA-256.
//!
//! Only the roots of the full subtrees are kept, at most 64 hashes, so that an event is added with
//! one hash of its own and one more on average.

use crate::record::Recorded;

/// The root of a tree, or of a part of one.
pub(super) type Hash = [u8; 32];

/// No event has this hash.
const LOST: Hash = [0; 32];
const LEAF: u8 = 0;
const NODE: u8 = 1;

/// The tree over the first events of a history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct History {
    count: u64,
    /// The roots of full subtrees, the largest first: one for each bit of the count.
    peaks: Vec<Hash>,
}

impl History {
    /// How many events it is over.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Adds the next event.
    pub(crate) fn push(&mut self, event: &Recorded) {
        self.push_leaf(leaf(event));
    }

    /// Adds an event that was lost, and whose loss was accepted.
    pub(crate) fn push_lost(&mut self) {
        self.push_leaf(LOST);
    }

    fn push_leaf(&mut self, leaf: Hash) {
        let mut root = leaf;
        for _ in 0..self.count.trailing_ones() {
            let left = self.peaks.pop().expect("there is a peak for each bit of the count");
            root = node(&left, &root);
        }
        self.peaks.push(root);
        self.count += 1;
    }

    /// The root of the whole tree.
    pub(crate) fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return *blake3::hash(&[]).as_bytes() };
        peaks.fold(*last, |right, left| node(left, &right))
    }

    /// The state, to go on from later.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.count.to_le_bytes().to_vec();
        bytes.extend(self.peaks.iter().flatten());
        bytes
    }

    /// The state that these bytes are of.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (count, peaks) = bytes.split_first_chunk::<8>()?;
        let count = u64::from_le_bytes(*count);
        let (peaks, rest) = peaks.as_chunks::<32>();
        let is_whole = rest.is_empty() && peaks.len() == count.count_ones() as usize;
        is_whole.then(|| Self { count, peaks: peaks.to_vec() })
    }
}

/// The position is hashed with the record, because it is not stored in it. What is left of an event
/// that was removed has its leaf.
pub(crate) fn leaf(event: &Recorded) -> Hash {
    if let Some(leaf) = event.removed_leaf() {
        return leaf;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[LEAF]);
    hasher.update(&event.position().0.to_le_bytes());
    hasher.update(event.as_stored());
    *hasher.finalize().as_bytes()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [NODE; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    *blake3::hash(&bytes).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962, word for word.
    fn tree_hash(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => *blake3::hash(&[]).as_bytes(),
            [leaf] => *leaf,
            _ => {
                let split = (leaves.len() - 1).ilog2();
                let (left, right) = leaves.split_at(1 << split);
                node(&tree_hash(left), &tree_hash(right))
            }
        }
    }

    #[test]
    fn it_is_the_tree_of_the_definition_at_every_length() {
        let leaves: Vec<Hash> =
            (0..300_u32).map(|n| *blake3::hash(&n.to_le_bytes()).as_bytes()).collect();
        let mut history = History::default();
        for length in 0..leaves.len() {
            assert_eq!(history.root(), tree_hash(&leaves[..length]), "{length} leaves");
            assert_eq!(History::from_bytes(&history.to_bytes()), Some(history.clone()));
            history.push_leaf(leaves[length]);
        }
    }

    #[test]
    fn bytes_that_are_no_state_are_refused() {
        let mut history = History::default();
        history.push_leaf([7; 32]);
        let bytes = history.to_bytes();
        assert_eq!(History::from_bytes(&bytes[..39]), None);
        assert_eq!(History::from_bytes(&[bytes, vec![0; 32]].concat()), None);
    }
}
