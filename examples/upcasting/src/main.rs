//! Reads the events of three years with the program of today:
//! `cargo run -p hitherto-example-upcasting [store directory]`.

use std::error::Error;
use std::path::PathBuf;

use hitherto::{Append, NewEvent, Outcome as _, Query, Repository, Result, Store, UpdateError};
use hitherto_example_upcasting::{User, UserEvent};

/// What the programs of other years wrote: who, kind, schema version, payload.
const WRITTEN: [(&str, &str, u16, &str); 5] = [
    (
        "zoe",
        "UserRegistered",
        1,
        r#"{"first_name":"Zoe","last_name":"Lund","email":"zoe@example.org"}"#,
    ),
    ("zoe", "EmailUpdated", 1, r#"{"email":"zoe.lund@example.org"}"#),
    (
        "yan",
        "UserRegistered",
        2,
        r#"{"first_name":"Yan","last_name":"Ito","email":"yan@example.org","phone":"555-0101"}"#,
    ),
    (
        "mao",
        "UserRegistered",
        2,
        r#"{"first_name":"Mao","last_name":"Sy","email":"mao@example.org","phone":""}"#,
    ),
    ("mao", "UserRemoved", 1, "{}"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let named = std::env::args_os().nth(1).map(PathBuf::from);
    let is_named = named.is_some();
    let directory = named.unwrap_or_else(|| temporary.path().join("users.hitherto"));
    let store = Store::open(&directory)?;
    hitherto::wait(tell(&store))?;
    if is_named {
        println!("\nAll of it is kept in {}.", directory.display());
    } else {
        println!("\nThis store was a temporary one. Name a directory to keep it.");
    }
    Ok(())
}

async fn tell(store: &Store) -> Result<()> {
    if store.head().await?.0 == 0 {
        write_as_other_years_did(store).await?;
    }
    show_events(store)?;
    let users = Repository::<User>::new(store);
    show_users(&users).await?;
    go_on(&users).await?;
    refuse_what_is_deprecated(store, &users).await
}

async fn write_as_other_years_did(store: &Store) -> Result<()> {
    for (user, kind, version, payload) in WRITTEN {
        let event = NewEvent::json(kind, payload).schema_version(version);
        store.append(Append::to(format!("user-{user}")).event(event)).await?;
    }
    Ok(())
}

fn show_events(store: &Store) -> Result<()> {
    println!("As it was written, and as it is read:");
    for event in store.read_as::<UserEvent>(Query::category("user")) {
        let event = event?;
        let stored = String::from_utf8_lossy(event.payload());
        println!("\n  {} v{}  {stored}", event.kind(), event.schema_version());
        println!("    {:?}", event.data);
    }
    Ok(())
}

async fn show_users(users: &Repository<User>) -> Result<()> {
    println!("\nNo code but the upcasters knows that there ever was a first and a last name:");
    for id in ["zoe", "yan"] {
        let user = users.load(id).await?;
        let phone = user.phone.as_deref().unwrap_or("no phone known");
        println!("  {:<9} {:<24} {phone}", user.name, user.email);
    }
    Ok(())
}

async fn go_on(users: &Repository<User>) -> Result<()> {
    let moved = users.update("zoe", |user| user.change_email("zoe@example.com", "moved")).await;
    println!(
        "\nZoe's new address is stored in today's shape, as version {}.",
        moved.must()?.version
    );
    Ok(())
}

async fn refuse_what_is_deprecated(store: &Store, users: &Repository<User>) -> Result<()> {
    match users.update("yan", User::remove).await {
        Err(UpdateError::Store(error)) => println!("\nYan is not removed: {error}."),
        other => println!("\nYan is gone: {other:?}"),
    }
    for (kind, count) in store.count_deprecated::<UserEvent>().await? {
        println!("{count} stored {kind} can be read for ever.");
    }
    Ok(())
}
