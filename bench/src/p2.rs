//! P2: a read model in PostgreSQL, built from a store, beside the same rows written by hand.
//!
//! Every contestant reads the same events from the same store, decodes them, and writes two rows
//! for each, in transactions of a thousand events, over TCP to a server whose settings are its
//! defaults. Statements are sent without waiting in between, by hand too.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Instant;

use hitherto::{Projector, Query, Recorded, Store};
use hitherto_postgres::Postgres;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls, Statement};

use crate::deposits::{AccountEvent, Balances, EVENTS_A_TRANSACTION, MoneyDeposited, TABLES, fill};
use crate::measure::Measured;
use crate::place::Place;
use crate::settings::Settings;
use crate::table::{Contestant, Outcome, Role, Table};
use crate::target::Target::{AtLeast, OfPeers};

/// Where the server is; `cargo xtask bench` starts one.
const VARIABLE: &str = "HITHERTO_POSTGRES_URL";
const MOVE: &str = "insert into by_hand.moves values ($1, $2, $3)";
const BALANCE: &str = "insert into by_hand.balances values ($1, $2) on conflict (account) \
                       do update set cents = balances.cents + excluded.cents";
const KEEP: &str = "update by_hand.kept set position = $1";
/// What earlier rounds have left.
const CLEAR: &str = "drop schema if exists balances cascade; drop schema if exists by_hand cascade; \
                     drop schema if exists hitherto cascade; create schema by_hand; \
                     set search_path = by_hand; create table kept (position bigint); \
                     insert into kept values (0)";

pub(crate) fn run(settings: &Settings) -> Result<Vec<Table>, Box<dyn Error>> {
    let title = "P2: a read model in PostgreSQL is built, two rows an event";
    let names = ["hitherto: projection, 1 partition", "hitherto: projection, 2 partitions"];
    let Ok(url) = std::env::var(VARIABLE) else {
        eprintln!("NOT RUN: {title}: {VARIABLE} is not set");
        let absent = names.map(|name| Contestant::without(Role::Ours, name));
        return Ok(vec![Table::new(title, "events/s").compete(1, absent.into())?]);
    };
    let events = settings.events().min(100_000);
    let filled = Place::fresh(&settings.directory, "projected")?;
    let store = Store::on(fill(filled.path(), events)?);
    let (store, url) = (&store, url.as_str());
    let contestants = vec![
        Contestant::new(Role::Ours, names[0], || by_projector(store, url, events, 1))
            .reach(&[AtLeast(30_000.0), OfPeers(0.8)]),
        Contestant::new(Role::Ours, names[1], || by_projector(store, url, events, 2)),
        Contestant::new(Role::Peer, "the same rows by hand", || by_hand(store, url, events)),
    ];
    Ok(vec![Table::new(title, "events/s").compete(settings.rounds(), contestants)?])
}

fn connect(url: &str) -> Result<(Runtime, Client), Box<dyn Error>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let client = runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute(CLEAR).await?;
        Ok::<_, tokio_postgres::Error>(client)
    })?;
    Ok((runtime, client))
}

fn by_projector(store: &Store, url: &str, events: u64, partitions: u32) -> Outcome {
    drop(connect(url)?);
    let started = Instant::now();
    let postgres = Postgres::connect(url)?;
    let starting = Projector::start(store, postgres, Balances).partitions(partitions);
    let projector = hitherto::wait(starting.into_future())?;
    let status = hitherto::wait(projector.catch_up())?;
    let took = started.elapsed();
    assert_eq!((status.handled, status.parked), (events, 0), "each event once");
    Ok(Measured::at_once(events, took))
}

/// As a careful and patient person writes it: the position is kept with the rows.
fn by_hand(store: &Store, url: &str, events: u64) -> Outcome {
    let (runtime, client) = connect(url)?;
    let started = Instant::now();
    let read = &mut store.read_as::<AccountEvent>(Query::category("account"));
    let wrote = runtime.block_on(async {
        client.batch_execute(TABLES).await?;
        let [row, balance, keep] = [
            client.prepare(MOVE).await?,
            client.prepare(BALANCE).await?,
            client.prepare(KEEP).await?,
        ];
        loop {
            let batch = read.take(EVENTS_A_TRANSACTION).collect::<Result<Vec<_>, _>>();
            let batch = batch.expect("the store is whole");
            let Some(last) = batch.last() else { return Ok::<_, tokio_postgres::Error>(()) };
            client.batch_execute("begin").await?;
            write(&client, &row, &balance, &batch).await?;
            client.execute(&keep, &[&(last.position().0.cast_signed())]).await?;
            client.batch_execute("commit").await?;
        }
    });
    wrote?;
    Ok(Measured::at_once(events, started.elapsed()))
}

async fn write(
    client: &Client,
    row: &Statement,
    balance: &Statement,
    batch: &[Recorded<AccountEvent>],
) -> Result<(), tokio_postgres::Error> {
    let mut answers = Vec::with_capacity(2 * batch.len());
    for event in batch {
        let MoneyDeposited { amount } = &event.data;
        let (account, cents) = (event.stream_id().to_owned(), amount.cast_signed());
        let (position, name) = (event.position().0.cast_signed(), account.clone());
        answers.push(
            begin(async move { client.execute(row, &[&position, &name, &cents]).await }).await,
        );
        answers
            .push(begin(async move { client.execute(balance, &[&account, &cents]).await }).await);
    }
    for (request, answer) in answers {
        match answer {
            Poll::Ready(answer) => answer?,
            Poll::Pending => request.await?,
        };
    }
    Ok(())
}

type Answer = Result<u64, tokio_postgres::Error>;
type Request<'a> = Pin<Box<dyn Future<Output = Answer> + 'a>>;

/// Sends a request: it is on its way as soon as it was looked at once.
async fn begin<'a>(request: impl Future<Output = Answer> + 'a) -> (Request<'a>, Poll<Answer>) {
    let mut request: Request<'a> = Box::pin(request);
    let answer = poll_fn(|context| Poll::Ready(request.as_mut().poll(context))).await;
    (request, answer)
}
