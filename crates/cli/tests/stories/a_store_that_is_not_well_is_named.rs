//! A newer format, damaged files and a disk that cannot be written: named, and nothing is changed.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::command::Shell;

fn bank() -> Shell {
    let shell = Shell::new();
    for kind in ["Opened", "Deposited", "Closed"] {
        shell.run(&format!("append bank account-1 {kind}")).done();
    }
    shell
}

/// Every file and its bytes; the lock names whoever locked last.
fn files(shell: &Shell) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(shell.path("bank")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let stored = paths.filter(|path| path.file_name().is_some_and(|name| name != "lock"));
    stored.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn change(shell: &Shell, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = shell.path("bank").join(name);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_newer_format_is_refused_with_both_versions() {
    let shell = bank();
    change(&shell, "format", |bytes| {
        for copy in bytes.chunks_exact_mut(512) {
            copy[8..12].copy_from_slice(&7_u32.to_le_bytes());
            let checksum = crc32c::crc32c(&copy[..508]).to_le_bytes();
            copy[508..].copy_from_slice(&checksum);
        }
    });
    let before = files(&shell);
    for words in ["read bank", "verify bank", "stat bank", "append bank a-1 A", "demo bank"] {
        shell.run(words).refused(2, &["bank", "format 7", "formats up to 1"]);
    }
    assert_eq!(files(&shell), before);
}

#[test]
fn a_damaged_format_file_is_named_and_one_copy_of_it_is_enough() {
    let shell = bank();
    change(&shell, "format", |bytes| bytes[20] ^= 1);
    assert_eq!(shell.run("read bank").done().lines().len(), 3);
    let half = shell.run("verify bank");
    assert_eq!((half.code, half.lines()[0]["damages"][0]["file"].as_str()), (1, Some("format")));

    change(&shell, "format", |bytes| bytes[532] ^= 1);
    let before = files(&shell);
    for words in ["read bank", "stat bank", "append bank a-1 A"] {
        shell.run(words).refused(2, &["bank", "`format` is damaged"]);
    }
    assert_eq!(shell.run("verify bank").code, 1);
    assert_eq!(files(&shell), before);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let shell = Shell::new();
    shell.run("append /proc/bank a-1 A").refused(2, &["/proc/bank"]);
    shell.run("demo /proc/bank").refused(2, &["/proc/bank"]);
    shell.run("append bank a-1 A").done();
    shell.run("export bank /proc/bank.jsonl").refused(2, &["/proc/bank.jsonl"]);
}
