//! W2: 16 and 64 writers, each with its own stream, one event a commit.

use std::error::Error;

use crate::appends::{self, Load};
use crate::settings::Settings;
use crate::table::Table;
use crate::target::Target::{OfLimit, OfPeers};

pub(crate) fn run(settings: &Settings) -> Result<Vec<Table>, Box<dyn Error>> {
    let compete = |writers| {
        let targets = &[OfLimit(0.7), OfPeers(3.0)];
        let load = Load { writers, events_a_commit: 1, targets };
        let title = format!("W2: {writers} writers, each its own stream, 1 event a commit");
        appends::compete(settings, &title, load)
    };
    Ok(vec![compete(16)?, compete(64)?])
}
