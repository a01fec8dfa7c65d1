//! What we want to reach, workload by workload, and whether a figure reaches it.

use std::fmt;

/// A figure that ours should reach in a table. Durable, on the machine and in the run of its peers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    /// At least so many of what the table counts.
    AtLeast(f64),
    /// At most so many of what the table counts.
    AtMost(f64),
    /// At least that part of the limit.
    OfLimit(f64),
    /// At least so many times the best peer.
    OfPeers(f64),
    /// Half of all calls in at most so many microseconds.
    MedianMicros(f64),
}

/// The figures that targets are held against.
pub(crate) struct Reached {
    pub(crate) figure: f64,
    pub(crate) of_limit: Option<f64>,
    pub(crate) of_peers: Option<f64>,
    pub(crate) median_micros: f64,
}

impl Target {
    /// Whether it is reached; nothing if what it is measured by did not take part.
    pub(crate) fn is_reached(self, by: &Reached) -> Option<bool> {
        match self {
            Self::AtLeast(figure) => Some(by.figure >= figure),
            Self::AtMost(figure) => Some(by.figure <= figure),
            Self::OfLimit(part) => by.of_limit.map(|reached| reached >= part),
            Self::OfPeers(times) => by.of_peers.map(|reached| reached >= times),
            Self::MedianMicros(micros) => Some(by.median_micros <= micros),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(figure) => write!(f, "≥ {}", crate::table::grouped(*figure)),
            Self::AtMost(figure) => write!(f, "≤ {}", crate::table::grouped(*figure)),
            Self::OfLimit(part) => write!(f, "≥ {part:.2} × limit"),
            Self::OfPeers(times) => write!(f, "≥ {times} × peers"),
            Self::MedianMicros(micros) => {
                write!(f, "p50 ≤ {} µs", crate::table::grouped(*micros))
            }
        }
    }
}
