//! Plays, replays, and asks what would have been: `cargo run -p hitherto-example-game`.

use std::error::Error;

use hitherto::{Aggregate as _, Outcome as _, Query, Repository, Result, Store};
use hitherto_example_game::{Game, GameEvent, Ranking};

const PLAYERS: [&str; 2] = ["ann", "ben"];
/// Ben looks the wrong way at his second move; after the next one he cannot stop both ends.
const MOVES: [u8; 7] = [4, 4, 3, 3, 5, 2, 6];

fn main() -> std::result::Result<(), Box<dyn Error>> {
    hitherto::wait(tell(&Store::in_memory()))?;
    Ok(())
}

async fn tell(store: &Store) -> Result<()> {
    let games = Repository::<Game>::new(store);
    play(&games).await?;
    show_moves(store)?;
    replay(&games).await?;
    ask_what_would_have_been(&games).await?;
    rank(store, &games).await
}

async fn play(games: &Repository<Game>) -> Result<()> {
    games.update("1", |game| game.start("ann", "ben")).await.must()?;
    for (player, column) in PLAYERS.iter().cycle().zip(MOVES) {
        games.update("1", |game| game.play(player, column)).await.must()?;
    }
    let late = games.update("1", |game| game.play("ben", 7)).await.refusal()?;
    println!("Ann (●) and Ben (○) play four in a row, and Ann wins.");
    println!("Ben would like one more move: {:?}.", late.expect("the game is over"));
    Ok(())
}

fn show_moves(store: &Store) -> Result<()> {
    let columns =
        store.read_as::<GameEvent>(Query::stream("game-1")).filter_map(|event| {
            match event.map(|event| event.data) {
                Ok(GameEvent::DiscDropped { column, .. }) => Some(Ok(column.to_string())),
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            }
        });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    println!("\nAll that is stored of the game is its moves: {}.", columns.join(" "));
    Ok(())
}

async fn replay(games: &Repository<Game>) -> Result<()> {
    println!("\nSo it can be looked at after any of them:");
    // region: replay
    let newest = games.load("1").await?.root().version();
    for version in [4, 6, newest] {
        let game = games.at_version("1", version).await?;
        println!("\n  after event {version} of {newest}\n{}", game.board);
    }
    // endregion: replay
    Ok(())
}

async fn ask_what_would_have_been(games: &Repository<Game>) -> Result<()> {
    println!(
        "\nWhat if Ben had seen it? Back to before his second move, and column 5 instead of 3:\n"
    );
    // region: what-if
    let mut game = games.at_version("1", 4).await?;
    game.play("ben", 5).expect("it was his turn");
    println!("{}", game.board);
    let late = games.save(&mut game).await.expect_err("the past cannot be changed");
    // endregion: what-if
    println!("\nThat can be looked at, and not saved: {late}.");
    Ok(())
}

async fn rank(store: &Store, games: &Repository<Game>) -> Result<()> {
    let before = store.head().await?;
    games.update("2", |game| game.start("ben", "ann")).await.must()?;
    games.update("2", |game| game.resign("ann")).await.must()?;
    games.update("3", |game| game.start("ben", "ann")).await.must()?;
    games.update("3", |game| game.resign("ann")).await.must()?;
    println!("\nTwo games later:\n");
    print_ranking(&store.view_of(Ranking::default()).await?);
    println!("\nAnd as it was after the first game:\n");
    // region: as-of
    print_ranking(&store.view_at(Ranking::default(), before).await?);
    // endregion: as-of
    Ok(())
}

fn print_ranking(ranking: &Ranking) {
    for (player, record) in ranking.table() {
        println!("    {player:<4} {} won, {} lost", record.won, record.lost);
    }
}
