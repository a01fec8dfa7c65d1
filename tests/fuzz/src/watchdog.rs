//! Says which damaged store a check does not come back from, or dies of.

use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::session::Recipe;

/// A check takes milliseconds; whatever takes this long is endless.
const PATIENCE: Duration = Duration::from_mins(1);

/// As long as this is there, somebody watches.
pub(crate) struct Watch {
    _ended: Sender<()>,
}

impl Watch {
    /// Notes the recipe, for the case that the process dies of it, and ends the process if it
    /// takes too long.
    pub(crate) fn over(recipe: &Recipe) -> Self {
        let (sender, ended) = channel();
        let recipe = recipe.to_string();
        // Without the note, only a death could not be explained.
        let _ = std::fs::write(note(), &recipe);
        std::thread::spawn(move || {
            if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                eprintln!("endless: cargo xtask fuzz {recipe}");
                std::process::exit(1);
            }
        });
        Self { _ended: sender }
    }
}

/// Where the recipe stands that is being looked at.
pub fn note() -> PathBuf {
    std::env::temp_dir().join(format!("hitherto-fuzz-{}", std::process::id()))
}
