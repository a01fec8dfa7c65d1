//! The board: seven columns of six places, and whether four of a colour are in a row.

use std::fmt;

use serde::{Deserialize, Serialize};

const COLUMNS: usize = 7;
const ROWS: usize = 6;

/// A disc's colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disc {
    /// Begins.
    Red,
    /// Follows.
    Yellow,
}

/// Where the discs are: each column from the bottom up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Board {
    columns: [Vec<Disc>; COLUMNS],
}

impl Board {
    /// Whose disc is next.
    pub fn turn(&self) -> Disc {
        if self.discs().is_multiple_of(2) { Disc::Red } else { Disc::Yellow }
    }

    /// Whether a disc fits into the column.
    pub fn has_room(&self, column: u8) -> bool {
        self.height(column) < ROWS
    }

    /// How many discs are in the column.
    pub fn height(&self, column: u8) -> usize {
        self.columns[usize::from(column) - 1].len()
    }

    /// Whether no disc fits any more.
    pub fn is_full(&self) -> bool {
        self.discs() == COLUMNS * ROWS
    }

    pub(crate) fn drop_into(&mut self, column: u8) {
        let disc = self.turn();
        self.columns[usize::from(column) - 1].push(disc);
    }

    /// Whether four discs of a colour are in a row, in any direction.
    pub fn has_four(&self, disc: Disc) -> bool {
        let places = (0..COLUMNS).flat_map(|column| (0..ROWS).map(move |row| (column, row)));
        places.into_iter().any(|(column, row)| {
            [(1, 0), (0, 1), (1, 1), (1, -1)].iter().any(|&(across, up)| {
                (0..4).all(|step| self.at(column, row, across * step, up * step) == Some(disc))
            })
        })
    }

    fn at(&self, column: usize, row: usize, across: isize, up: isize) -> Option<Disc> {
        let column = self.columns.get(column.checked_add_signed(across)?)?;
        column.get(row.checked_add_signed(up)?).copied()
    }

    fn discs(&self) -> usize {
        self.columns.iter().map(Vec::len).sum()
    }
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in (0..ROWS).rev() {
            let place = |column: &Vec<Disc>| match column.get(row) {
                Some(Disc::Red) => "●",
                Some(Disc::Yellow) => "○",
                None => "·",
            };
            let places: Vec<_> = self.columns.iter().map(place).collect();
            writeln!(f, "    {}", places.join(" "))?;
        }
        write!(f, "    1 2 3 4 5 6 7")
    }
}
