//! The rules that a store's events are folded by: a file beside the log, which may be written by
//! hand.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path as FilePath, PathBuf};

use hitherto_store::{Error, Result};
use serde::{Deserialize, Serialize};

use super::rule::Rule;

const FILE: &str = "rules.json";
const TEMPORARY: &str = "rules.json.new";

/// All rules of a store.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    rules: Vec<Rule>,
}

impl Rules {
    /// The rules in this file, or else those that were registered with the store.
    pub(crate) fn load(store: &FilePath, file: Option<&FilePath>) -> Result<Self> {
        match file {
            Some(file) => Self::read(file)?.ok_or_else(|| {
                Error::not_found(format!("{}: there is no such file of rules", file.display()))
            }),
            None => Ok(Self::read(&file_of(store))?.unwrap_or_default()),
        }
    }

    fn read(file: &FilePath) -> Result<Option<Self>> {
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unavailable(file).because(error)),
        };
        let rules = serde_json::from_str(&text).map_err(|error| {
            let shown = file.display();
            Error::invalid(format!(
                "{shown} holds no rules: write {{\"rules\":[{{\"kind\":\"MoneyDeposited\",\
                 \"field\":\"amount\",\"rule\":\"add\",\"into\":\"balance\"}}]}}"
            ))
            .because(error)
        });
        rules.map(Some)
    }

    /// Writes the rules beside the log of a store: all of them, or the file stays as it was.
    pub(crate) fn save(&self, store: &FilePath) -> Result<()> {
        let (file, temporary) = (file_of(store), store.join(TEMPORARY));
        let write = || -> std::io::Result<()> {
            let mut json = serde_json::to_vec_pretty(self)?;
            json.push(b'\n');
            let mut out = File::create(&temporary)?;
            out.write_all(&json)?;
            out.sync_all()?;
            fs::rename(&temporary, &file)?;
            File::open(store)?.sync_all()
        };
        write().map_err(|error| unavailable(&file).because(error))
    }

    /// The rules for a kind of event: those for its category alone, if there are any.
    pub(crate) fn of(&self, category: &str, kind: &str) -> impl Iterator<Item = &Rule> {
        let own = format!("{category}/{kind}");
        let has_own = self.rules.iter().any(|rule| rule.kind() == own);
        let name = if has_own { own } else { kind.to_owned() };
        self.rules.iter().filter(move |rule| rule.kind() == name)
    }

    pub(crate) fn all(&self) -> &[Rule] {
        &self.rules
    }

    /// Adds a rule; those for the same field of the same kind go, unless it is one more.
    pub(crate) fn register(&mut self, rule: Rule, is_one_more: bool) {
        if is_one_more {
            let same = |other: &Rule| {
                (other.kind(), other.field(), other.target())
                    == (rule.kind(), rule.field(), rule.target())
            };
            self.rules.retain(|other| !same(other));
        } else {
            self.forget(rule.kind(), rule.field());
        }
        self.rules.push(rule);
    }

    /// Takes out the rules for a field of a kind; how many there were.
    pub(crate) fn forget(&mut self, kind: &str, field: &str) -> usize {
        let before = self.rules.len();
        self.rules.retain(|rule| (rule.kind(), rule.field()) != (kind, field));
        before - self.rules.len()
    }

    /// Rules in words, one a line: kind, field, rule, and perhaps the target.
    #[cfg(test)]
    pub(crate) fn of_lines(lines: &[&str]) -> Self {
        use clap::ValueEnum as _;
        let rule = |line: &&str| {
            let words: Vec<&str> = line.split(' ').collect();
            let verb = super::Verb::from_str(words[2], false).unwrap();
            Rule::new(words[0], words[1], verb, words.get(3).copied()).unwrap()
        };
        Self { rules: lines.iter().map(rule).collect() }
    }
}

fn file_of(store: &FilePath) -> PathBuf {
    store.join(FILE)
}

fn unavailable(file: &FilePath) -> Error {
    Error::unavailable(format!("the rules in {} cannot be read or written", file.display()))
}
