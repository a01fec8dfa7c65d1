//! W1: one writer, one event a commit, each durable before the next.

use std::error::Error;

use crate::appends::{self, Load};
use crate::settings::Settings;
use crate::table::Table;
use crate::target::Target::{OfLimit, OfPeers};

pub(crate) fn run(settings: &Settings) -> Result<Vec<Table>, Box<dyn Error>> {
    let load = Load { writers: 1, events_a_commit: 1, targets: &[OfLimit(0.95), OfPeers(1.0)] };
    Ok(vec![appends::compete(settings, "W1: 1 writer, 1 event a commit", load)?])
}
