//! A whole bank in one process (commands with keys, a process, deadlines, a read model) is killed
//! with SIGKILL again and again, wherever it is, and begins from the first command each time.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use hitherto::checkpoints::Checkpoints;
use hitherto::{Processor, Projection, Projector, Query, Recorded, Reminders, Sql, Store, wait};
use hitherto_example_time_travel::Calendar;
use hitherto_example_transfer::{Bank, Stage, TransferEvent, TransferMoney};
use hitherto_sql::Sqlite;

/// Set for the process that is killed: the directory of its bank.
const DIRECTORY: &str = "HITHERTO_BANK_IS_KILLED_IN";
const TRANSFERS: u64 = 60;
const SMALL: u64 = 500;
const LARGE: u64 = 100_000;
const MONEY: u64 = 1_000_000;
const ALL_MOVES: &str = "select * from moves order by position";

/// What happened to transfers: a repetition would be a second row of one position, and fail.
struct Moves;

impl Projection for Moves {
    const NAME: &'static str = "moves";
    type Event = TransferEvent;

    fn tables(&self) -> &'static str {
        "create table moves (position integer primary key, transfer text not null, what text not null)"
    }

    fn project(&self, event: &Recorded<TransferEvent>, sql: &mut Sql) {
        let what = (event.position().0, event.stream_id(), event.kind());
        sql.run("insert into moves values (?, ?, ?)", what);
    }
}

fn is_large(number: u64) -> bool {
    number.is_multiple_of(5)
}

/// Not a test of its own: what the killed process does. Without the directory it does nothing.
#[test]
fn the_bank_that_is_killed() -> Result<(), Box<dyn Error>> {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return Ok(()) };
    let directory = Path::new(&directory);
    let store = Store::open(directory.join("bank.hitherto"))?;
    let bank = Bank::on(&store);
    let checkpoints = Checkpoints::in_directory(directory.join("checkpoints"))?;
    let process = wait(Processor::start(&store, &checkpoints, TransferMoney::new(&store)))?;
    let sqlite = Sqlite::open(directory.join("read.db"))?;
    let moves = wait(Projector::start(&store, sqlite, Moves).partitions(2).into_future())?;
    // All that is still to come is due in its time.
    let far_away = || Reminders::new(&store).clock(Calendar::at("2200-01-01T00:00:00Z"));
    let _given_meanwhile = far_away().start()?;

    bank.open("ANN", MONEY)?;
    bank.open("BEN", 0)?;
    for number in 0..TRANSFERS {
        let amount = if is_large(number) { LARGE } else { SMALL };
        bank.request(&format!("T-{number}"), "ANN", "BEN", amount)?;
        println!("asked for {number}");
    }
    bank.settle(&process)?;
    while wait(far_away().give_due())? > 0 {
        bank.settle(&process)?;
    }
    bank.settle(&process)?;
    wait(moves.catch_up())?;
    println!("all is done");
    Ok(())
}

/// Lets the process work until it has said so much, and a little more, and kills it; says what it
/// was told.
fn kill_after(directory: &Path, lines: usize, more: u64) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().expect("this runs"))
        .args(["the_bank_that_is_killed", "--exact", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let output = BufReader::new(child.stdout.take().expect("it is a pipe"));
    let told = output.lines().map_while(Result::ok);
    let mut told = told.filter(|line| line.contains("asked for") || line.contains("all is done"));
    // Who is killed must not notice anything before, so the pipe stays open.
    let told_before = told.by_ref().take(lines).collect();
    (0..more * 200_000).for_each(|turn| _ = std::hint::black_box(turn));
    child.kill().expect("it was started here"); // SIGKILL
    child.wait().expect("it was started here");
    told_before
}

#[test]
fn everything_happens_once() {
    let directory = tempfile::tempdir().expect("there is room");
    let path = directory.path().join("bank.hitherto");
    // Early and late; the last ones while only the process and the reminders are at work.
    for (round, lines) in [1, 4, 9, 16, 25, 36, 49, 60, 60, 60, 60, 60].into_iter().enumerate() {
        let told = kill_after(directory.path(), lines, round as u64);
        let store = Store::open_read_only(&path).expect("it opens");
        let bank = Bank::on(&store);
        for number in 0..told.len() as u64 {
            let stage = bank.stage(&format!("T-{number}"));
            assert_ne!(stage.expect("what was acknowledged is there"), Stage::Unknown);
        }
        assert_eq!(bank.total().expect("it loads"), MONEY, "after kill {round}");
    }
    let told = kill_after(directory.path(), usize::MAX, 0);
    assert_eq!(told.last().map(String::as_str), Some("all is done"));

    let store = Store::open(&path).expect("it opens");
    assert_each_transfer_has_its_end(&store);
    let kept = Sqlite::open(directory.path().join("read.db")).expect("it opens");
    let anew = Sqlite::in_memory().expect("memory works");
    let starting = Projector::start(&store, anew.clone(), Moves);
    let moves = wait(starting.into_future()).expect("it starts");
    wait(moves.catch_up()).expect("it runs");
    assert_eq!(kept.rows(ALL_MOVES).expect("it is kept"), anew.rows(ALL_MOVES).expect("it is new"));
}

fn assert_each_transfer_has_its_end(store: &Store) {
    let bank = Bank::on(store);
    let mut kinds = BTreeMap::<String, u64>::new();
    for event in store.read(Query::category("transfer")) {
        *kinds.entry(event.expect("sound").kind().to_owned()).or_default() += 1;
    }
    let large = (0..TRANSFERS).filter(|number| is_large(*number)).count() as u64;
    let small = TRANSFERS - large;
    let expected = [
        ("ApprovalOverdue", large),
        ("MoneyTaken", small),
        ("TransferCompleted", small),
        ("TransferDeclined", large),
        ("TransferRequested", TRANSFERS),
    ];
    assert_eq!(kinds, expected.map(|(kind, count)| (kind.to_owned(), count)).into());
    assert_eq!(bank.balance("BEN").expect("it loads"), small * SMALL);
    assert_eq!(bank.total().expect("it loads"), MONEY);
}
