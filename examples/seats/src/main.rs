//! Gives away the seats of a course: `cargo run -p hitherto-example-seats [store directory]`.

use std::error::Error;
use std::path::PathBuf;

use hitherto::{Outcome as _, Position, Query, Result, Store, wait};
use hitherto_example_seats::{CourseEvent, DefineCourse, Refused, Subscribe};

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let named = std::env::args_os().nth(1).map(PathBuf::from);
    let is_named = named.is_some();
    let directory = named.unwrap_or_else(|| temporary.path().join("seats.hitherto"));
    let store = Store::open(&directory)?;
    wait(tell(&store))?;
    if is_named {
        println!("\nAll of it is kept in {}.", directory.display());
    } else {
        println!("\nThis store was a temporary one. Name a directory to keep it.");
    }
    Ok(())
}

async fn tell(store: &Store) -> Result<()> {
    if store.head().await? == Position::START {
        give_away_the_seats(store).await?;
    } else {
        println!("The seats of this store were given away earlier.");
    }
    show_seats(store, "rust")
}

async fn give_away_the_seats(store: &Store) -> Result<()> {
    println!(
        "Three seats in rust, ten in each other course, and at most three courses a student.\n"
    );
    for (course, capacity) in [("rust", 3), ("logic", 10), ("music", 10), ("sports", 10)] {
        store.decide(&DefineCourse { course: course.into(), capacity }).await.must()?;
    }
    for course in ["logic", "music", "sports", "rust"] {
        ask(store, course, "Ada").await?;
    }
    println!("Ada's fourth course breaks a rule about her; rust has seats enough.\n");
    for student in ["Ben", "Cem", "Ben"] {
        ask(store, "rust", student).await?;
    }
    println!("\nOne seat is left. Dora and Emil want it at the same moment:");
    race(store)
}

async fn ask(store: &Store, course: &str, student: &str) -> Result<()> {
    println!("  {student:<5} {}", answer(course, subscribe(store, course, student).await?));
    Ok(())
}

async fn subscribe(store: &Store, course: &str, student: &str) -> Result<Option<Refused>> {
    // region: decide
    let subscribe = Subscribe { course: course.into(), student: student.into() };
    let refusal = store.decide(&subscribe).await.refusal()?;
    // endregion: decide
    Ok(refusal)
}

fn answer(course: &str, refusal: Option<Refused>) -> String {
    match refusal {
        None => format!("has a seat in {course}"),
        Some(refusal) => format!("has no new seat in {course}: {refusal:?}"),
    }
}

fn race(store: &Store) -> Result<()> {
    // region: race
    let both = std::thread::scope(|scope| {
        let dora = scope.spawn(|| wait(subscribe(store, "rust", "Dora")));
        let emil = scope.spawn(|| wait(subscribe(store, "rust", "Emil")));
        [dora.join(), emil.join()]
    });
    // endregion: race
    for (student, answered) in ["Dora", "Emil"].into_iter().zip(both) {
        let refusal = answered.expect("a student does not panic")?;
        println!("  {student:<5} {}", answer("rust", refusal));
    }
    Ok(())
}

fn show_seats(store: &Store, course: &str) -> Result<()> {
    println!("\nWho sits in {course}, found by its tag:");
    for event in store.read_as::<CourseEvent>(Query::tag("course", course)) {
        let event = event?;
        if let CourseEvent::StudentSubscribed { student, .. } = &event.data {
            println!("  {student:<5} since position {}", event.position());
        }
    }
    Ok(())
}
