//! The program that faults happen to. `DIRECTORY` lets it do what standard input says, line by
//! line; `DIRECTORY run APPENDS` does everything once, and says what was acknowledged.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, Write};

use hitherto_faults_test::{append, large_append, options, read_everything};
use hitherto_store::{EmbeddedStore, EventStore};

type Outcome = Result<String, Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let words = std::env::args().skip(1).collect::<Vec<_>>();
    let directory = words.first().ok_or("the first argument is the store's directory")?;
    let mut session = Session { directory, store: None, appended: 0, hogged: Vec::new() };
    if let Some(appends) = words.get(2) {
        return session.run(appends.parse()?);
    }
    for line in std::io::stdin().lock().lines() {
        let outcome = session.command(&line?);
        say(&outcome)?;
    }
    Ok(())
}

/// One line, in one piece.
fn say(outcome: &Outcome) -> std::io::Result<()> {
    let line = match outcome {
        Ok(words) => format!("ok {words}\n"),
        Err(error) => format!("error {error:?}\n"),
    };
    std::io::stdout().lock().write_all(line.as_bytes())
}

struct Session<'a> {
    directory: &'a str,
    store: Option<EmbeddedStore>,
    appended: u64,
    /// Files that are open so that no other can be opened.
    hogged: Vec<File>,
}

impl Session<'_> {
    fn command(&mut self, line: &str) -> Outcome {
        let (command, number) = line.split_once(' ').unwrap_or((line, "0"));
        match command {
            "open" => self.open(true),
            "append" => self.append(number.parse()?),
            "append-large" => Ok(format!("{:?}", self.store()?.append(large_append())?)),
            "read" => Ok(read_everything(self.store()?)?.to_string()),
            "look" => self.look(),
            "close" => self.close(),
            "hog" => Ok(self.hog().to_string()),
            "release" => Ok(std::mem::take(&mut self.hogged).len().to_string()),
            _ => Err(format!("{command:?} is no command").into()),
        }
    }

    fn store(&self) -> Result<&EmbeddedStore, Box<dyn Error>> {
        self.store.as_ref().ok_or_else(|| "no store is open".into())
    }

    fn open(&mut self, background: bool) -> Outcome {
        let store = EmbeddedStore::open_with(self.directory, options(background))?;
        self.appended = read_everything(&store)?;
        self.store = Some(store);
        Ok(self.appended.to_string())
    }

    /// Reads everything as one who may not write; how many appends there are.
    fn look(&self) -> Outcome {
        let store = EmbeddedStore::open_read_only(self.directory)?;
        Ok(read_everything(&store)?.to_string())
    }

    /// Appends so often; how many appends there are then.
    fn append(&mut self, times: u64) -> Outcome {
        for _ in 0..times {
            self.store()?.append(append(self.appended + 1))?;
            self.appended += 1;
        }
        Ok(self.appended.to_string())
    }

    fn close(&mut self) -> Outcome {
        self.store.take().ok_or("no store is open")?.close()?;
        Ok(String::new())
    }

    /// Opens files until no more can be opened.
    fn hog(&mut self) -> usize {
        while let Ok(file) = File::open("/dev/null") {
            self.hogged.push(file);
        }
        self.hogged.len()
    }

    /// Everything in one thread, so that the n-th system call is always the same one. Goes on
    /// after an error, as a program does that does not know better.
    fn run(&mut self, appends: u64) -> Result<(), Box<dyn Error>> {
        say(&self.open(false))?;
        if self.store.is_some() {
            for _ in 0..appends {
                let outcome = self.append(1);
                say(&outcome)?;
            }
            say(&self.command("read"))?;
            say(&self.close())?;
        }
        Ok(())
    }
}
