//! `cargo xtask fuzz [SEED] [SECONDS]`: damages stores for as long as asked, half of the time ones
//! that believe every checksum; or, with a recipe as a finding names it (`7/123/456`, perhaps with
//! `believing` behind it), does that once more.

use std::error::Error;
use std::time::{Duration, Instant, SystemTime};

use hitherto_fuzz::{Recipe, Session};

const SECONDS: u64 = 60;

fn main() -> Result<(), Box<dyn Error>> {
    let words = std::env::args().skip(1).collect::<Vec<_>>();
    if let Some(recipe) = words.first().filter(|word| word.contains('/')) {
        return repeat(&recipe.parse()?, words.get(1).is_some_and(|word| word == "believing"));
    }
    let numbers = words.iter().map(|word| word.parse::<u64>()).collect::<Result<Vec<_>, _>>();
    let numbers = numbers.map_err(|_| "usage: hitherto-fuzz [SEED] [SECONDS], or a recipe")?;
    let seed = numbers.first().copied().unwrap_or_else(seed_of_now);
    let seconds = numbers.get(1).copied().unwrap_or(SECONDS);
    println!("seed {seed}, for {seconds} s");
    let half = Duration::from_secs(seconds) / 2;
    let findings =
        fuzz(Session::new(seed), half) + fuzz(Session::that_believes_checksums(seed), half);
    if findings == 0 { Ok(()) } else { Err("promises were broken: see above".into()) }
}

/// How many promises were broken in this time.
fn fuzz(mut session: Session, duration: Duration) -> u64 {
    let (end, mut findings) = (Instant::now() + duration, 0);
    while Instant::now() < end {
        if let Some(finding) = session.next_finding() {
            findings += 1;
            println!("{finding}");
        }
    }
    let (looked_at, ways) = (session.looked_at, session.ways_noticed());
    println!("{looked_at} damaged stores, noticed in {ways} ways, {findings} findings");
    findings
}

fn repeat(recipe: &Recipe, believes: bool) -> Result<(), Box<dyn Error>> {
    let mut session = if believes { Session::that_believes_checksums(0) } else { Session::new(0) };
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
