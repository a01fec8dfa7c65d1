//! A server is there while it is needed, can be killed and started again where it was, and leaves
//! nothing behind.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use std::net::TcpStream;

use hitherto_services::{Own, POSTGRES, Place};

fn listens(server: &Own) -> bool {
    let (_, address) = server.url().rsplit_once('@').unwrap();
    let (address, _) = address.split_once('/').unwrap();
    TcpStream::connect(address).is_ok()
}

#[test]
fn a_server_is_killed_and_started_again_where_it_was() {
    let what = "a server that is killed and started again";
    let Some(mut server) = Own::start(POSTGRES, what) else { return };
    assert!(listens(&server));
    server.kill();
    assert!(!listens(&server));
    server.start_again();
    assert!(listens(&server));
    server.stop();
    assert!(!listens(&server));
}

#[test]
fn what_a_killed_test_left_behind_is_swept_away_and_the_rest_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let of = |owner: u32| directory.path().join(format!("services/postgres-0-of-{owner}"));
    let (orphan, owned) = (of(u32::MAX), of(std::process::id()));
    for folder in [&orphan, &owned] {
        std::fs::create_dir_all(folder).unwrap();
    }
    Place::below(directory.path()).sweep().unwrap();
    assert!(!orphan.exists() && owned.exists());
}
