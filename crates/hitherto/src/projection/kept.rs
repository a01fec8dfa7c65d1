//! What a database keeps of projections, as it is seen from outside: also by another process.

use hitherto_store::{Position, Timestamp};

use super::Value;
use crate::Result;
use crate::runner::{Order, Parked};

/// The read models of a database, and what is kept with them: also while they are in use.
///
/// It is what the command line works with, whichever database it is.
pub trait KeptModels {
    /// All versions of all projections, by name.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be read.
    fn list(&self) -> Result<Vec<Kept>>;

    /// What is parked of a projection, in order: of the version that is read, or of another.
    ///
    /// # Errors
    /// `NotFound` if there is no such projection or version.
    fn parked(&self, name: &str, version: Option<u32>) -> Result<Vec<Parked>>;

    /// Leaves an order for a parked event. It is carried out by whoever runs the projection, within
    /// a second or when it is started.
    ///
    /// # Errors
    /// `NotFound` if there is no such projection, or nothing is parked there.
    fn order(
        &self,
        name: &str,
        version: Option<u32>,
        position: Position,
        order: Order,
    ) -> Result<()>;

    /// Compares the version that is read with another one, row by row; with the newest, if none is
    /// named.
    ///
    /// # Errors
    /// `NotFound` if there is no such projection or version.
    fn compare(&self, name: &str, version: Option<u32>) -> Result<Comparison>;

    /// Makes a version that stands beside the one that is read: the newest, if none is named. The
    /// one that was read is kept beside. Returns the version that is read now.
    ///
    /// # Errors
    /// `NotFound` if there is no such projection or version.
    fn switch(&self, name: &str, version: Option<u32>) -> Result<u32>;

    /// Goes back to the version that was read before. The one that is read now is kept beside, and
    /// taken again only when it is told to. Returns the version that is read now.
    ///
    /// # Errors
    /// `NotFound` if there is none to go back to.
    fn roll_back(&self, name: &str) -> Result<u32>;
}

/// What is kept of one version of a projection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What it is called.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// What it is there for.
    pub standing: Standing,
    /// Everything up to here is handled or parked.
    pub position: Position,
    /// How many partitions it has.
    pub partitions: u32,
    /// Events that were handled.
    pub handled: u64,
    /// Attempts that failed, as far as they were kept.
    pub errors: u64,
    /// How many events are parked.
    pub parked: u64,
    /// When it was written to last.
    pub updated_at: Timestamp,
}

/// What a version is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Standing {
    /// It is the one that is read.
    Live,
    /// It is built beside, and takes over when it has caught up.
    Building,
    /// It is built beside, and takes over when it is told to.
    Held,
    /// It was read before, and is kept to go back to.
    Before,
}

/// What two versions of a read model have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The version that is read.
    pub live: u32,
    /// How far it has come.
    pub live_position: Position,
    /// The version beside it.
    pub beside: u32,
    /// How far that has come. If it is not the same, rows may differ for that reason alone.
    pub beside_position: Position,
    /// All tables of both.
    pub tables: Vec<TableDifference>,
}

/// How a table differs between two versions, in the columns that both have.
#[derive(Debug, Clone, PartialEq)]
pub struct TableDifference {
    /// What it is called.
    pub table: String,
    /// The columns that were compared; none if only one version has the table.
    pub columns: Vec<String>,
    /// Columns that only one of the versions has.
    pub other_columns: Vec<String>,
    /// Rows of the version that is read.
    pub live_rows: u64,
    /// Rows of the version beside it.
    pub beside_rows: u64,
    /// Rows that only the version that is read has.
    pub only_live: u64,
    /// Rows that only the version beside it has.
    pub only_beside: u64,
    /// The first few of those that only the version that is read has.
    pub live_examples: Vec<Vec<Value>>,
    /// The first few of those that only the version beside it has.
    pub beside_examples: Vec<Vec<Value>>,
}

impl Comparison {
    /// Whether all rows are the same, in all columns.
    pub fn is_same(&self) -> bool {
        self.tables.iter().all(TableDifference::is_same)
    }
}

impl TableDifference {
    /// Whether all rows are the same, in all columns.
    pub fn is_same(&self) -> bool {
        let rows = (self.only_live, self.only_beside) == (0, 0);
        rows && self.live_rows == self.beside_rows && self.other_columns.is_empty()
    }
}
