//! Events as a tree: each under the one that caused it.

use std::collections::HashMap;

use hitherto_store::{EventId, Recorded};

/// Deeper events stand no further to the right.
const DEPTH_SHOWN_MAX: usize = 16;

/// Events, each under its cause: first the tree of the event that was asked about.
pub(super) struct Tree<'a> {
    events: &'a [Recorded],
    roots: Vec<usize>,
    children: HashMap<EventId, Vec<usize>>,
    /// How many events are of other trees.
    pub(super) others: u64,
}

/// An event, and where it stands in the tree.
pub(super) struct Node<'a> {
    pub(super) event: &'a Recorded,
    pub(super) depth: usize,
    /// The lines that lead to it.
    pub(super) branch: String,
}

impl<'a> Tree<'a> {
    /// The tree of these events, which stand in their order.
    pub(super) fn of(events: &'a [Recorded], asked: EventId) -> Self {
        let index: HashMap<_, _> = events.iter().map(Recorded::id).zip(0..).collect();
        let mut children: HashMap<EventId, Vec<usize>> = HashMap::new();
        let mut roots = Vec::new();
        for (place, event) in events.iter().enumerate() {
            // A cause stands before what it caused: a circle of events from elsewhere is cut here.
            match event.causation().filter(|cause| index.get(cause).is_some_and(|at| *at < place)) {
                Some(cause) => children.entry(cause).or_default().push(place),
                None => roots.push(place),
            }
        }
        let mut tree = Self { events, roots, children, others: 0 };
        let root = tree.root_of(index.get(&asked).copied().unwrap_or(0), &index);
        tree.roots.sort_by_key(|&other| other != root);
        let inside = tree.walk(&tree.roots[..1]).len();
        tree.others = (events.len() - inside) as u64;
        tree
    }

    fn root_of(&self, mut place: usize, index: &HashMap<EventId, usize>) -> usize {
        while !self.roots.contains(&place) {
            let cause = self.events[place].causation().expect("what is no root has a cause");
            place = index[&cause];
        }
        place
    }

    /// All events, from the top down.
    pub(super) fn nodes(&self) -> Vec<Node<'a>> {
        self.walk(&self.roots)
    }

    fn walk(&self, roots: &[usize]) -> Vec<Node<'a>> {
        let mut nodes = Vec::new();
        let start = |&place: &usize| (place, 0, String::new(), String::new());
        let mut waiting: Vec<_> = roots.iter().rev().map(start).collect();
        while let Some((place, depth, branch, below)) = waiting.pop() {
            let event = &self.events[place];
            nodes.push(Node { event, depth, branch });
            let children = self.children.get(&event.id()).map_or(&[][..], Vec::as_slice);
            for (index, &child) in children.iter().enumerate().rev() {
                let is_last = index + 1 == children.len();
                let (branch, below) = branches(&below, depth, is_last);
                waiting.push((child, depth + 1, branch, below));
            }
        }
        nodes
    }
}

/// The lines to a child, and those that go on below it.
fn branches(below: &str, depth: usize, is_last: bool) -> (String, String) {
    let (turn, on) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
    let deeper = if depth < DEPTH_SHOWN_MAX { on } else { "" };
    (format!("{below}{turn}"), format!("{below}{deeper}"))
}

#[cfg(test)]
mod tests {
    use hitherto_store::{NewEvent, Placement, Position, StreamName, Timestamp};

    use super::*;

    /// Events by the numbers of their causes; 0 for none.
    fn events(causes: &[u64]) -> Vec<Recorded> {
        let event = |(number, cause): (u64, &u64)| {
            let recorded_at = Timestamp::from_nanos(0);
            let placement = Placement { position: Position(number), version: number, recorded_at };
            let id = |number: u64| EventId::from_u128(u128::from(number));
            let event = NewEvent::json(format!("E{number}"), "{}").id(id(number));
            let event = if *cause == 0 { event } else { event.causation(id(*cause)) };
            Recorded::new(placement, Some(&StreamName::from("a-1")), &event)
        };
        (1..).zip(causes).map(event).collect()
    }

    fn drawn(causes: &[u64], asked: u64) -> Vec<String> {
        let events = events(causes);
        let tree = Tree::of(&events, EventId::from_u128(u128::from(asked)));
        let draw = |node: Node<'_>| format!("{}{}", node.branch, node.event.kind());
        tree.nodes().into_iter().map(draw).collect()
    }

    #[test]
    fn each_event_stands_under_its_cause() {
        let expected = ["E1", "├─ E2", "│  ├─ E4", "│  └─ E6", "└─ E3", "   └─ E5"];
        assert_eq!(drawn(&[0, 1, 1, 2, 3, 2], 5), expected);
    }

    #[test]
    fn the_tree_of_the_event_comes_first() {
        assert_eq!(drawn(&[0, 0, 2, 1], 3), ["E2", "└─ E3", "E1", "└─ E4"]);
    }

    #[test]
    fn a_circle_is_cut_and_a_long_chain_stays_narrow() {
        assert_eq!(drawn(&[2, 1], 1), ["E1", "└─ E2"]);
        assert_eq!(drawn(&[1], 1), ["E1"]);
        let chain: Vec<u64> = (0..5_000).collect();
        let drawn = drawn(&chain, 4_000);
        assert_eq!(drawn.len(), 5_000);
        assert!(drawn.iter().all(|line| line.chars().count() < 70));
    }
}
