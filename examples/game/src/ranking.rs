//! The query side: who has won how many games.

use std::collections::BTreeMap;

use hitherto::{Recorded, View};

use crate::GameEvent::{self, DiscDropped, GameDrawn, GameResigned, GameStarted, GameWon};

/// How a player's games ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Record {
    /// Games won, those included that the other one resigned.
    pub won: u32,
    /// Games without a winner.
    pub drawn: u32,
    /// Games lost.
    pub lost: u32,
}

// region: view
/// How all players' games ended.
#[derive(Debug, Default)]
pub struct Ranking {
    playing: BTreeMap<String, [String; 2]>,
    records: BTreeMap<String, Record>,
}

impl View for Ranking {
    const NAME: &'static str = "ranking";
    type Event = GameEvent;

    fn apply(&mut self, event: &Recorded<GameEvent>) {
        let game = event.stream_id();
        match &event.data {
            GameStarted { red, yellow } => {
                self.playing.insert(game.to_owned(), [red.clone(), yellow.clone()]);
            }
            DiscDropped { .. } => {}
            GameWon { by } => self.end(game, |player| Some(player == by)),
            GameResigned { by } => self.end(game, |player| Some(player != by)),
            GameDrawn => self.end(game, |_| None),
        }
    }
}

impl Ranking {
    fn end(&mut self, game: &str, has_won: impl Fn(&str) -> Option<bool>) {
        for player in self.playing.remove(game).into_iter().flatten() {
            let has_won = has_won(&player);
            let record = self.records.entry(player).or_default();
            match has_won {
                Some(true) => record.won += 1,
                Some(false) => record.lost += 1,
                None => record.drawn += 1,
            }
        }
    }
}
// endregion: view

impl Ranking {
    /// How a player's games ended.
    pub fn of(&self, player: &str) -> Record {
        self.records.get(player).copied().unwrap_or_default()
    }

    /// All players, the one with the most wins first.
    pub fn table(&self) -> Vec<(&str, Record)> {
        let mut table: Vec<_> =
            self.records.iter().map(|(player, record)| (&**player, *record)).collect();
        table.sort_by_key(|(_, record)| std::cmp::Reverse(record.won));
        table
    }
}
