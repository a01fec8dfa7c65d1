//! `cargo xtask fuzz [SEED] [SECONDS]`: damages stores for as long as asked; or, with a recipe as
//! a finding names it (`7/123/456`), does that once more.

use std::error::Error;
use std::time::{Duration, Instant, SystemTime};

use hitherto_fuzz::{Recipe, Session};

const SECONDS: u64 = 60;

fn main() -> Result<(), Box<dyn Error>> {
    let words = std::env::args().skip(1).collect::<Vec<_>>();
    if let Some(recipe) = words.first().filter(|word| word.contains('/')) {
        return repeat(&recipe.parse()?);
    }
    let number = |index: usize| words.get(index).map(|word| word.parse::<u64>()).transpose();
    let seed = number(0)?.unwrap_or_else(seed_of_now);
    fuzz(seed, Duration::from_secs(number(1)?.unwrap_or(SECONDS)))
}

fn fuzz(seed: u64, duration: Duration) -> Result<(), Box<dyn Error>> {
    println!("seed {seed}, for {} s", duration.as_secs());
    let mut session = Session::new(seed);
    let (end, mut findings) = (Instant::now() + duration, 0_u64);
    while Instant::now() < end {
        if let Some(finding) = session.next_finding() {
            findings += 1;
            println!("cargo xtask fuzz {}: {}", finding.recipe, finding.what);
        }
    }
    let (looked_at, ways) = (session.looked_at, session.ways_noticed());
    println!("{looked_at} damaged stores, noticed in {ways} ways, {findings} findings");
    if findings == 0 { Ok(()) } else { Err("promises were broken: see above".into()) }
}

fn repeat(recipe: &Recipe) -> Result<(), Box<dyn Error>> {
    let mut session = Session::new(0);
    let (sound, damaged) = (session.sound(recipe).image.clone(), session.damaged(recipe));
    for name in damaged.changed(&sound) {
        println!("damaged: {name}, {}", difference(sound.0.get(name), damaged.0.get(name)));
    }
    println!("noticed: {:#?}", session.repeat(recipe)?);
    Ok(())
}

fn difference(sound: Option<&Vec<u8>>, damaged: Option<&Vec<u8>>) -> String {
    let (Some(sound), Some(damaged)) = (sound, damaged) else {
        return if damaged.is_none() { "removed" } else { "added" }.to_owned();
    };
    let differs = |place: &usize| sound.get(*place) != damaged.get(*place);
    let places = (0..sound.len().max(damaged.len())).filter(differs).collect::<Vec<_>>();
    let (first, last) = (places.first().unwrap_or(&0), places.last().unwrap_or(&0));
    let lengths = (sound.len(), damaged.len());
    format!("{} bytes from {first} to {last}, length {} to {}", places.len(), lengths.0, lengths.1)
}

#[expect(clippy::disallowed_methods, reason = "each run shall find other things")]
fn seed_of_now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(1, |now| now.as_millis() as u64)
}
