//! A process that appends under load is killed with SIGKILL at a random moment, again and again.
//!
//! After each kill the same store is opened: everything that was acknowledged must be there, no
//! commit may be there in part, and positions and versions must have no gap. Meanwhile events are
//! removed and scavenged, people forgotten, files compressed and moved to an archive, and backups
//! taken: whoever was forgotten stays so, and the backup stays sound. `HITHERTO_KILL_ROUNDS`
//! says how often (100), `HITHERTO_KILL_SEED` repeats the moments of an earlier run as far as a
//! seed can. After a hundred times the store is looked at as a whole, and another one is begun:
//! each look costs more as a store grows.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime};

use hitherto_kill_test::{
    CANARY, Key, NOISE_KIND, PERSON_KIND, Places, THREADS, make_noise, noise_stream, options,
    own_stream, seen,
};
use hitherto_store::{
    DirectoryArchive, EmbeddedStore, ErrorKind, EventStore, Options, Position, Query, Recorded,
    check_backup, restore, verify,
};
use hitherto_vault::Vault;

const ROUNDS: u64 = 100;
const ROUNDS_OF_STORE: u64 = 100;
const LIFETIME_MAX_MS: u64 = 200;

#[test]
fn a_store_whose_process_is_killed_a_hundred_times_has_lost_nothing_that_was_acknowledged() {
    let rounds = number_from("HITHERTO_KILL_ROUNDS").unwrap_or(ROUNDS);
    let mut seed = number_from("HITHERTO_KILL_SEED").unwrap_or_else(seed_of_now);
    println!("killing {rounds} times; HITHERTO_KILL_SEED={seed} kills at the same moments again");
    let mut acknowledged = 0;
    for first in (0..rounds).step_by(ROUNDS_OF_STORE as usize) {
        acknowledged += kill_one_store(ROUNDS_OF_STORE.min(rounds - first), &mut seed);
    }
    println!("{acknowledged} appends were acknowledged, and all of them are there");
}

/// Kills the processes of one store so often. How many appends they acknowledged.
fn kill_one_store(rounds: u64, seed: &mut u64) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let places = Places::below(directory.path());
    let mut checked = Checked { care: prepare(&places), ..Checked::default() };
    for round in 0..rounds {
        let lifetime = Duration::from_millis(1 + next(seed) % LIFETIME_MAX_MS);
        checked.kill_and_look(&places, directory.path(), round, lifetime);
    }
    checked.check_everything(&places.store());
    checked.care.check_everything(&places);
    assert_nowhere(directory.path());
    let acknowledged = checked.acknowledged.len();
    println!("killed {rounds} times: {acknowledged} appends were acknowledged and are there");
    assert!(acknowledged as u64 >= rounds / 2, "so few appends prove nothing");
    acknowledged
}

/// A store that knows all that may happen to it before it is killed for the first time, however
/// few of that a slow machine may reach later: somebody forgotten, something removed, a backup,
/// and files in the archive.
fn prepare(places: &Places) -> Care {
    let store = EmbeddedStore::open_with(places.store(), options(1)).unwrap();
    let vault = Vault::over(store.clone(), places.keys()).unwrap();
    let mut care = Care::default();
    for person in ["person-1", "person-2"] {
        vault.append(seen(person)).unwrap();
        care.seen.insert(person.to_owned());
    }
    vault.forget("person-2").unwrap();
    care.forgotten.insert("person-2".to_owned());
    (0..40).for_each(|number| make_noise(&store, number).unwrap());
    assert!(!archive_all(&store, places).is_empty(), "some files are in the archive");
    care.backup = Some(store.backup(places.backup()).unwrap().head);
    care
}

/// Moves all full files to the archive, and says which are there now.
fn archive_all(store: &EmbeddedStore, places: &Places) -> BTreeSet<String> {
    store.compress().unwrap();
    store.archive(&DirectoryArchive::create(places.archive()).unwrap(), 0).unwrap();
    let files = store.stat().unwrap().files.into_iter();
    files.filter(|file| file.archive.is_some()).map(|file| file.name).collect()
}

/// Lets a process append for a while, kills it, and returns what it acknowledged.
fn run_and_kill(directory: &Path, round: u64, lifetime: Duration) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hitherto-kill-test"));
    command.arg(directory).arg(round.to_string()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = listen(&mut child);
    let mut acknowledged = Vec::new();
    // In every second round the clock starts with the first append, so that opening is hit as well
    // as appending, however slow the machine is.
    let mut is_waited_for = round.is_multiple_of(2);
    while is_waited_for {
        let line = lines.recv().expect("the process runs until it is killed");
        is_waited_for = line.parse::<Key>().is_err();
        acknowledged.push(line);
    }
    let end = Instant::now() + lifetime;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match lines.recv_timeout(left) {
            Ok(line) => acknowledged.push(line),
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => panic!("the process ended by itself"),
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    acknowledged.extend(lines);
    acknowledged
}

/// The whole lines that the process writes; a line that the kill cut off is none.
fn listen(child: &mut Child) -> Receiver<String> {
    let (sender, lines) = channel();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        let mut line = String::new();
        while output.read_line(&mut line).is_ok_and(|_| line.ends_with('\n')) {
            let _ = sender.send(std::mem::take(&mut line));
        }
    });
    lines
}

fn parse(line: &str) -> (Key, Position) {
    let position = line.trim_end().rsplit(' ').next().unwrap().parse().unwrap();
    (line.parse().unwrap(), Position(position))
}

/// What is known about the store so far.
#[derive(Default)]
struct Checked {
    head: Position,
    versions: HashMap<String, u64>,
    acknowledged: Vec<(Key, Position)>,
    care: Care,
}

/// What was said of people and backups so far.
#[derive(Default)]
struct Care {
    seen: BTreeSet<String>,
    forgotten: BTreeSet<String>,
    backup: Option<Position>,
}

impl Care {
    /// Takes in a line about people or backups; whether it is one.
    fn hears(&mut self, line: &str) -> bool {
        let (what, of) = line.trim_end().split_once(' ').unwrap();
        match what {
            "seen" => drop(self.seen.insert(of.to_owned())),
            "forgotten" => drop(self.forgotten.insert(of.to_owned())),
            "backup" => self.backup = Some(Position(of.parse().unwrap())),
            _ => return false,
        }
        true
    }

    /// Whoever was seen is known, and whoever was forgotten is not.
    fn check_people(&self, store: &Path, keys: &Path) {
        let people = people(store, keys);
        for person in &self.seen {
            assert!(people.contains_key(person), "{person} was seen");
        }
        for (person, payload) in &people {
            // Whether it was forgotten may be open if the kill came before it was said.
            let is_even = person.ends_with(['0', '2', '4', '6', '8']);
            let is_known = payload.contains(CANARY);
            assert!(is_known || (is_even && payload.contains("$forgotten")), "{payload}");
            assert!(!is_known || !self.forgotten.contains(person), "{person} was forgotten");
        }
    }

    /// Once there was a backup, there is one, and it is sound.
    fn check_backup(&self, places: &Places) {
        match check_backup(places.backup()) {
            Ok(report) => {
                assert!(report.damages.is_empty(), "{:?}", report.damages);
                let head = report.events + report.removed;
                assert!(self.backup.is_none_or(|said| said.0 <= head), "it has {head} events");
            }
            Err(error) => {
                assert!(self.backup.is_none() && error.kind() == ErrorKind::NotFound, "{error}");
            }
        }
    }

    /// A backup that a kill left is restored to the store that it was, in which nobody comes back
    /// who was forgotten since, and taken again it is the store that is.
    fn check_everything(&self, places: &Places) {
        self.check_people(&places.store(), &places.keys());
        self.check_restored(places);
        let store = EmbeddedStore::open_with(places.store(), without_scavenge()).unwrap();
        // Scavenges may have brought all files back from the archive: the last look is at a store
        // that has some there.
        assert!(!archive_all(&store, places).is_empty(), "some files are in the archive");
        let head = store.head().wait().unwrap();
        assert_eq!(store.backup(places.backup()).unwrap().head, head);
        self.check_backup(places);
    }

    fn check_restored(&self, places: &Places) {
        let path = places.store().with_file_name("restored.hitherto");
        let head = restore(places.backup(), &path).unwrap().head;
        let original = EmbeddedStore::open_read_only(places.store()).unwrap();
        let copy = EmbeddedStore::open_read_only(&path).unwrap();
        assert_eq!(copy.digest(head).unwrap(), original.digest(head).unwrap());
        for (person, payload) in people(&path, &places.keys()) {
            let is_known = payload.contains(CANARY);
            assert!(!is_known || !self.forgotten.contains(&person), "{person} was forgotten");
        }
    }
}

/// Nothing is appended but by whoever has the store open.
fn without_scavenge() -> Options {
    let mut options = Options::default();
    options.scavenge_bytes_per_second = 0;
    options
}

/// Everybody whom a store knows, and what it says.
fn people(store: &Path, keys: &Path) -> HashMap<String, String> {
    let store = EmbeddedStore::open_read_only(store).unwrap();
    let vault = Vault::read_only(store, keys).unwrap();
    let seen = vault.read(Query::of_kinds([PERSON_KIND])).map(Result::unwrap);
    seen.map(|event| (event.stream().unwrap().to_owned(), payload(&event).to_owned())).collect()
}

/// What is personal stands in the clear in no file.
fn assert_nowhere(directory: &Path) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_nowhere(&path);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let has_it = String::from_utf8_lossy(&bytes).contains(CANARY);
        assert!(!has_it, "{} has something personal", path.display());
    }
}

impl Checked {
    fn kill_and_look(&mut self, places: &Places, all: &Path, round: u64, lifetime: Duration) {
        let mut lines = run_and_kill(all, round, lifetime);
        lines.retain(|line| !self.care.hears(line));
        let acknowledged = lines.iter().map(|line| parse(line)).collect::<Vec<_>>();
        self.check_round(&places.store(), round, &acknowledged);
        self.acknowledged.extend(acknowledged);
        match round % 40 {
            3 | 14 | 25 | 36 => {
                archive_all(&EmbeddedStore::open(places.store()).unwrap(), places);
            }
            9 => {
                self.care.check_people(&places.store(), &places.keys());
                self.care.check_backup(places);
            }
            _ => {}
        }
    }

    /// Everything that this round added is whole, and what it acknowledged is among it.
    fn check_round(&mut self, path: &Path, round: u64, acknowledged: &[(Key, Position)]) {
        let store = EmbeddedStore::open_with(path, options(round)).unwrap();
        let added = store.read(Query::all().after(self.head)).map(Result::unwrap);
        let added = added.collect::<Vec<_>>();
        let found = self.check_added(&added);
        for (key, position) in acknowledged {
            assert_eq!(found.get(key), Some(position), "{key} was acknowledged in round {round}");
        }
        self.repeat_what_has_an_unknown_outcome(&store, round, acknowledged, &found);
        store.close().unwrap();
    }

    /// Positions and versions have no gap and commits are whole. Where each commit begins.
    fn check_added(&mut self, added: &[Recorded]) -> HashMap<Key, Position> {
        for event in added {
            assert!(event.position() > self.head, "positions only grow");
            self.head = event.position();
            if is_beside(event) {
                continue;
            }
            if let Some(stream) = event.stream() {
                let version = self.versions.entry(stream.to_owned()).or_default();
                *version += 1;
                assert_eq!(event.version(), *version, "versions of {stream} have no gap");
            }
        }
        let added: Vec<_> = added.iter().filter(|event| !is_beside(event)).cloned().collect();
        let mut rest = &added[..];
        let mut found = HashMap::new();
        while let Some(first) = rest.first() {
            let key: Key = payload(first).parse().unwrap();
            let (commit, after) = rest.split_at(rest.len().min(key.events() as usize));
            assert_whole(key, commit);
            assert_eq!(found.insert(key, first.position()), None, "{key} is stored once");
            rest = after;
        }
        found
    }

    /// The append after the last acknowledged one may be there or not: repeated, it is there once.
    fn repeat_what_has_an_unknown_outcome(
        &mut self,
        store: &EmbeddedStore,
        round: u64,
        acknowledged: &[(Key, Position)],
        found: &HashMap<Key, Position>,
    ) {
        for thread in 0..THREADS {
            let mine = acknowledged.iter().filter(|(key, _)| key.thread == thread).count();
            let key = Key { round, thread, number: mine as u64 };
            let version = self.versions.get(own_stream(thread).as_str()).copied();
            let seen = store.head().wait().unwrap();
            let saved = store.append(key.append(version.unwrap_or_default(), seen)).unwrap();
            assert_eq!(saved.repeated, found.contains_key(&key), "{key} is stored once");
            if saved.repeated {
                assert_eq!(Some(&saved.first_position), found.get(&key));
            }
            let added = store.read(Query::all().after(self.head)).map(Result::unwrap);
            let added = added.collect::<Vec<_>>();
            self.check_added(&added);
        }
    }

    /// What was acknowledged in any round is still where it was.
    fn check_everything(&mut self, path: &Path) {
        let store = EmbeddedStore::open_read_only(path).unwrap();
        // A scavenge in the background may have begun after the last look, and noted that.
        let added = store.read(Query::all().after(self.head)).map(Result::unwrap);
        assert!(self.check_added(&added.collect::<Vec<_>>()).is_empty(), "nobody else appends");
        let report = verify(path).unwrap();
        assert!(report.damages.is_empty(), "{:?}", report.damages);
        assert!(report.removed > 0, "something was removed meanwhile");
        assert_eq!(report.events + report.removed, self.head.0, "positions have no gap");
        let events = store.read(Query::all()).map(Result::unwrap);
        let events = events.filter(|event| !is_beside(event));
        let keys = events.map(|event| (event.position(), payload(&event).parse().unwrap()));
        let keys = keys.collect::<HashMap<Position, Key>>();
        for (key, position) in &self.acknowledged {
            assert_eq!(keys.get(position), Some(key), "{key} is still where it was");
        }
        for number in 0..3 {
            let left = store.read(Query::stream(noise_stream(number))).map(Result::unwrap);
            let left = left.map(|event| event.version()).collect::<Vec<_>>();
            let follow = left.windows(2).all(|pair| pair[1] == pair[0] + 1);
            let removed = store.removed(noise_stream(number).as_str());
            assert!(
                follow && !left.is_empty(),
                "of noise {number} the newest is left: {left:?}, {removed:?}"
            );
        }
    }
}

/// Whether an event is what is removed again, or about people, or of the store or vault itself.
fn is_beside(event: &Recorded) -> bool {
    let is_own = |stream: &str| stream.starts_with('$');
    [NOISE_KIND, PERSON_KIND].contains(&event.kind()) || event.stream().is_some_and(is_own)
}

/// These are the events of this append, all of them, as they were handed in.
fn assert_whole(key: Key, commit: &[Recorded]) {
    let append = key.append(0, Position::START);
    let expected = append
        .writes
        .iter()
        .flat_map(|write| write.events.iter().map(move |event| (write.stream.as_ref(), event)));
    assert_eq!(commit.len() as u64, key.events(), "the commit of {key} is whole");
    for ((stream, event), recorded) in expected.zip(commit) {
        assert!(recorded.is_same_event(stream, event), "{recorded:?} is not {event:?} of {key}");
    }
}

fn payload(event: &Recorded) -> &str {
    std::str::from_utf8(event.payload()).unwrap()
}

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a whole number"))
}

#[expect(clippy::disallowed_methods, reason = "each run shall kill at other moments")]
fn seed_of_now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap().as_nanos() as u64
}

/// The next random number (xorshift64*).
fn next(seed: &mut u64) -> u64 {
    *seed = (*seed).max(1);
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    seed.wrapping_mul(0x2545_F491_4F6C_DD1D)
}
