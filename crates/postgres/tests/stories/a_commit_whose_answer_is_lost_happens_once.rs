//! Connections are cut at any byte, also between a commit and its answer: nobody can tell then
//! whether it happened, until it is looked at. Nothing is repeated, nothing is skipped.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::common::{
    Balances, Database, Random, assert_is_as_built_afresh, move_money, open_accounts, quick,
};
use hitherto::{Projector, Store, wait};
use hitherto_postgres::Postgres;

const CUTS: u64 = 30;
/// More than the server says while somebody connects.
const BYTES_AT_LEAST: u64 = 1_500;
const BYTES_AT_MOST: u64 = 6_000;

/// Stands between, and cuts each connection when the server has said so many bytes.
struct Cutter {
    port: u16,
    cuts: Arc<AtomicU64>,
}

impl Cutter {
    fn before(address: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (address, cuts) = (address.to_owned(), Arc::<AtomicU64>::default());
        let cutter = Self { port, cuts: Arc::clone(&cuts) };
        std::thread::spawn(move || {
            let mut random = Random::new();
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(&address).unwrap();
                let is_over = cuts.load(Ordering::Relaxed) >= CUTS;
                let span = BYTES_AT_MOST - BYTES_AT_LEAST;
                let bytes = BYTES_AT_LEAST + random.below(span);
                let bytes = if is_over { u64::MAX } else { bytes };
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || pass_on(from, to, u64::MAX));
                let cuts = Arc::clone(&cuts);
                std::thread::spawn(move || {
                    if pass_on(server, client, bytes) {
                        cuts.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        cutter
    }
}

/// Says whether it has cut, because so many bytes were passed on.
fn pass_on(mut from: TcpStream, mut to: TcpStream, mut bytes: u64) -> bool {
    let mut buffer = [0; 4096];
    while bytes > 0 {
        let most = buffer.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
        match from.read(&mut buffer[..most]) {
            Ok(read) if read > 0 && to.write_all(&buffer[..read]).is_ok() => bytes -= read as u64,
            _ => break,
        }
    }
    // One of them may be gone already.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
    bytes == 0
}

#[test]
fn connections_that_are_cut_anywhere_skip_and_repeat_nothing() {
    let Some(database) = Database::new("connections that are cut") else { return };
    let (user, address) = database.url.rsplit_once('@').unwrap();
    let (address, name) = address.split_once('/').unwrap();
    let cutter = Cutter::before(address);
    let (store, mut random) = (Store::in_memory(), Random::new());
    open_accounts(&store, 4);
    let place = Postgres::connect(&database.url).unwrap();
    drop(wait(Projector::start(&store, place, Balances).into_future()).unwrap());

    let through = format!("{user}@127.0.0.1:{}/{name}", cutter.port);
    let place = loop {
        match Postgres::connect(&through) {
            Ok(place) => break place,
            Err(error) => assert_eq!(error.kind(), hitherto::ErrorKind::Unavailable, "{error}"),
        }
    };
    let balances = loop {
        let starting = Projector::start(&store, place.clone(), Balances).settings(quick(2));
        match wait(starting.into_future()) {
            Ok(balances) => break balances,
            Err(error) => assert_eq!(error.kind(), hitherto::ErrorKind::Unavailable, "{error}"),
        }
    };
    while cutter.cuts.load(Ordering::Relaxed) < CUTS {
        move_money(&store, 4, 2, &mut random);
        wait(balances.catch_up()).unwrap();
    }
    let status = wait(balances.catch_up()).unwrap();
    assert_eq!((status.parked, status.handled), (0, status.position.0), "{status:?}");
    assert!(status.errors > CUTS / 4, "it was noticed: {status:?}");
    assert_is_as_built_afresh(&store, &database);
}
