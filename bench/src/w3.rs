//! W3: one writer, 100 events a commit.

use std::error::Error;

use crate::appends::{self, Load};
use crate::settings::Settings;
use crate::table::Table;
use crate::target::Target::{AtLeast, OfPeers};

pub(crate) fn run(settings: &Settings) -> Result<Vec<Table>, Box<dyn Error>> {
    let targets = &[AtLeast(400_000.0), OfPeers(2.0)];
    let load = Load { writers: 1, events_a_commit: 100, targets };
    Ok(vec![appends::compete(settings, "W3: 1 writer, 100 events a commit", load)?])
}
