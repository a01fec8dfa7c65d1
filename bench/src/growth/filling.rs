//! Fills the store in a process of its own: what is read and appended between two sizes leaves
//! memory with the allocator that would count as the store's.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use hitherto_store::{EmbeddedStore, EventStore};

use super::life::Life;
use crate::memory::Memory;
use crate::settings::Settings;

const EVENTS_A_COMMIT: usize = 1000;

/// The sizes that the store stops at, up to the one that it is filled to; the others are behind it.
#[derive(Debug, Clone)]
pub(crate) struct Filling<'a> {
    sizes: Vec<u64>,
    settings: &'a Settings,
}

/// How it went, and the memory that the store took.
pub(super) struct Filled {
    pub(super) events_a_second: f64,
    pub(super) most_mib: f64,
    pub(super) after_mib: f64,
}

impl<'a> Filling<'a> {
    /// The way to the last of these sizes.
    pub(crate) fn of(sizes: &[u64], settings: &'a Settings) -> Self {
        Self { sizes: sizes.to_vec(), settings }
    }

    /// Fills in another process.
    pub(super) fn ask(&self, directory: &Path) -> Result<Filled, Box<dyn Error>> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--directory").arg(directory);
        for size in &self.sizes {
            command.args(["--fill", &size.to_string()]);
        }
        if let Some(mib) = self.settings.log_file_mib {
            command.args(["--log-file-mib", &mib.to_string()]);
        }
        let output = command.output()?;
        let text = String::from_utf8(output.stdout)?;
        let numbers = text.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>();
        match numbers.as_deref() {
            Ok(&[events_a_second, most_mib, after_mib]) => {
                Ok(Filled { events_a_second, most_mib, after_mib })
            }
            _ => {
                Err(format!("it was not filled: {}", String::from_utf8_lossy(&output.stderr))
                    .into())
            }
        }
    }

    /// The other process: prints events a second, and mebibytes of memory at most and at the end,
    /// without those that it had before.
    pub(crate) fn run(&self, directory: &Path) -> Result<(), Box<dyn Error>> {
        let (&last, before) = self.sizes.split_last().ok_or("a size is missing")?;
        let mut life = Life::new(self.sizes[0]);
        for &size in before {
            fill(&mut life, size, |_| Ok(()))?;
        }
        let others_mib = Memory::now()?.own_mib;
        let store = EmbeddedStore::open_with(directory, self.settings.growth_options())?;
        let (started, filled) = (Instant::now(), life.events());
        let append = |append| store.append(append).map(drop);
        let (done, most_mib) = Memory::most_during(|| fill(&mut life, last, append));
        done?;
        let rate = (life.events() - filled) as f64 / started.elapsed().as_secs_f64();
        let after_mib = Memory::now()?.own_mib;
        println!("{rate} {} {}", most_mib - others_mib, after_mib - others_mib);
        Ok(store.close()?)
    }
}

/// Has all commits of a life up to a size.
pub(super) fn fill(
    life: &mut Life,
    events: u64,
    mut commit: impl FnMut(hitherto_store::Append) -> hitherto_store::Result<()>,
) -> hitherto_store::Result<()> {
    while life.events() < events {
        commit(life.next_commit(EVENTS_A_COMMIT))?;
    }
    Ok(())
}
