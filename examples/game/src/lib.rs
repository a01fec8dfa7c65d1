//! Four in a row: a game is the moves that were made, and can be looked at after any of them.

mod board;
mod ranking;

use GameEvent::{DiscDropped, GameDrawn, GameResigned, GameStarted, GameWon};
use Refused::{AlreadyStarted, ColumnIsFull, GameIsOver, NoSuchColumn, NotPlaying, NotYourTurn};
use hitherto::{Aggregate, Event, Root, ensure};
use serde::{Deserialize, Serialize};

pub use board::{Board, Disc};
pub use ranking::{Ranking, Record};

// region: events
/// What can happen in a game.
#[derive(Event, Debug, Clone, PartialEq)]
pub enum GameEvent {
    /// Two sat down. Red begins.
    GameStarted {
        /// Who plays the red discs.
        red: String,
        /// Who plays the yellow ones.
        yellow: String,
    },
    /// A disc fell to the lowest free place of a column.
    DiscDropped {
        /// Who dropped it.
        by: String,
        /// Which column, 1 to 7.
        column: u8,
    },
    /// Four in a row.
    GameWon {
        /// Who.
        by: String,
    },
    /// The board is full.
    GameDrawn,
    /// Somebody gave up.
    GameResigned {
        /// Who.
        by: String,
    },
}
// endregion: events

/// Why a move is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The two are playing already.
    AlreadyStarted,
    /// They do not play in this game.
    NotPlaying,
    /// It is the other one's turn.
    NotYourTurn,
    /// Columns are 1 to 7.
    NoSuchColumn,
    /// Six discs are in it.
    ColumnIsFull,
    /// Nothing is played any more.
    GameIsOver,
}

/// A game, as its moves made it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Game {
    #[serde(skip)]
    root: Root<GameEvent>,
    /// Red and yellow.
    pub players: Option<[String; 2]>,
    /// Where the discs are.
    pub board: Board,
    /// Whether it has ended.
    pub is_over: bool,
}

// region: apply
impl Aggregate for Game {
    const CATEGORY: &'static str = "game";
    type Id = String;
    type Event = GameEvent;
    type Error = Refused;

    fn root(&mut self) -> &mut Root<GameEvent> {
        &mut self.root
    }

    fn apply(&mut self, event: &GameEvent) {
        match event {
            GameStarted { red, yellow } => self.players = Some([red.clone(), yellow.clone()]),
            DiscDropped { column, .. } => self.board.drop_into(*column),
            GameWon { .. } | GameDrawn | GameResigned { .. } => self.is_over = true,
        }
    }
}
// endregion: apply

// region: commands
impl Game {
    /// Two sit down.
    pub fn start(&mut self, red: &str, yellow: &str) -> Result<(), Refused> {
        ensure(self.players.is_none(), AlreadyStarted)?;
        self.raise(GameStarted { red: red.into(), yellow: yellow.into() })
    }

    /// Drops a disc. The move that wins also says so: one command, two events.
    pub fn play(&mut self, by: &str, column: u8) -> Result<(), Refused> {
        let disc = self.disc_of(by)?;
        ensure(!self.is_over, GameIsOver)?;
        ensure(self.board.turn() == disc, NotYourTurn)?;
        ensure((1..=7).contains(&column), NoSuchColumn)?;
        ensure(self.board.has_room(column), ColumnIsFull)?;
        self.raise(DiscDropped { by: by.into(), column })?;
        if self.board.has_four(disc) {
            self.raise(GameWon { by: by.into() })
        } else if self.board.is_full() {
            self.raise(GameDrawn)
        } else {
            Ok(())
        }
    }

    /// Gives up.
    pub fn resign(&mut self, by: &str) -> Result<(), Refused> {
        self.disc_of(by)?;
        ensure(!self.is_over, GameIsOver)?;
        self.raise(GameResigned { by: by.into() })
    }
}
// endregion: commands

impl Game {
    fn disc_of(&self, player: &str) -> Result<Disc, Refused> {
        match &self.players {
            Some([red, _]) if red == player => Ok(Disc::Red),
            Some([_, yellow]) if yellow == player => Ok(Disc::Yellow),
            _ => Err(NotPlaying),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hitherto::testing::{Given as _, check_handlers, check_replay, check_snapshots};
    use hitherto::{Outcome as _, Repository, Store, wait};

    fn started() -> GameEvent {
        GameStarted { red: "ann".into(), yellow: "ben".into() }
    }

    /// Ann and Ben in turn.
    fn after(columns: &[u8]) -> Vec<GameEvent> {
        let players = ["ann", "ben"].into_iter().cycle();
        let moves = players.zip(columns);
        let moves = moves.map(|(by, &column)| DiscDropped { by: by.into(), column });
        std::iter::once(started()).chain(moves).collect()
    }

    // region: test-win
    #[test]
    fn the_fourth_in_a_row_wins() {
        let won = GameWon { by: "ann".into() };
        for almost in [[1, 1, 2, 2, 3, 3], [4, 1, 4, 1, 4, 1]] {
            Game::given(after(&almost))
                .when(|game| game.play("ann", 4))
                .then([DiscDropped { by: "ann".into(), column: 4 }, won.clone()]);
        }
    }
    // endregion: test-win

    #[test]
    fn what_is_against_the_rules_is_refused() {
        Game::given([]).when(|game| game.play("ann", 1)).refused(NotPlaying);
        Game::given(after(&[])).when(|game| game.play("zoe", 1)).refused(NotPlaying);
        Game::given(after(&[])).when(|game| game.play("ben", 1)).refused(NotYourTurn);
        Game::given(after(&[])).when(|game| game.play("ann", 0)).refused(NoSuchColumn);
        Game::given(after(&[])).when(|game| game.play("ann", 8)).refused(NoSuchColumn);
        Game::given(after(&[])).when(|game| game.start("a", "b")).refused(AlreadyStarted);
        let full = after(&[1, 1, 1, 1, 1, 1]);
        Game::given(full).when(|game| game.play("ann", 1)).refused(ColumnIsFull);
        let over = [started(), GameResigned { by: "ben".into() }];
        Game::given(over.clone()).when(|game| game.play("ann", 1)).refused(GameIsOver);
        Game::given(over).when(|game| game.resign("ann")).refused(GameIsOver);
    }

    #[test]
    fn a_full_board_is_a_draw() {
        // Columns filled so that no four of a colour meet.
        let mut game = Game::default();
        game.start("ann", "ben").expect("nobody sits there");
        let filled: Vec<u8> = [1, 2, 3, 5, 6, 7].iter().flat_map(|column| [*column; 6]).collect();
        let order = [&filled[..6], &[4], &filled[6..], &[4; 5]].concat();
        for (column, player) in order.iter().zip(["ann", "ben"].iter().cycle()) {
            game.play(player, *column).expect("the rules allow it");
        }
        assert!(game.is_over && game.board.is_full());
        assert_eq!(game.root().uncommitted().last(), Some(&GameDrawn));
    }

    fn history() -> Vec<GameEvent> {
        let mut all = after(&[4, 4, 3]);
        all.extend([GameWon { by: "ann".into() }, GameDrawn, GameResigned { by: "ben".into() }]);
        all
    }

    #[test]
    fn each_event_changes_the_game_as_it_says() {
        check_handlers::<Game>(history(), |event, game| match event {
            GameStarted { .. } => assert!(game.players.is_some()),
            DiscDropped { column, .. } => assert!(game.board.height(*column) > 0),
            GameWon { .. } | GameDrawn | GameResigned { .. } => assert!(game.is_over),
        });
    }

    #[test]
    fn the_same_moves_give_the_same_game() {
        check_replay::<Game>(history());
        check_snapshots::<Game>(history());
    }

    // region: test-view
    #[test]
    fn a_ranking_counts_games_also_as_of_a_position() {
        wait(async {
            let store = Store::in_memory();
            let games = Repository::<Game>::new(&store);
            games.update("1", |game| game.start("ann", "ben")).await.must()?;
            let first = games.update("1", |game| game.resign("ben")).await.must()?;
            games.update("2", |game| game.start("ben", "ann")).await.must()?;
            games.update("2", |game| game.resign("ann")).await.must()?;

            let ranking = store.view_of(Ranking::default()).await?;
            assert_eq!(ranking.of("ann"), Record { won: 1, drawn: 0, lost: 1 });
            let then = store.view_at(Ranking::default(), first.position).await?;
            assert_eq!(then.of("ann"), Record { won: 1, drawn: 0, lost: 0 });
            assert_eq!(then.of("ben"), Record { won: 0, drawn: 0, lost: 1 });
            Ok::<(), hitherto::Error>(())
        })
        .expect("a store in memory works");
    }
    // endregion: test-view
}
