//! `verify` says with its exit code whether every stored byte is what was written.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::os::unix::fs::FileExt;

use crate::command::Shell;
use serde_json::json;

#[test]
fn a_store_as_it_was_written_is_right() {
    let shell = Shell::new();
    shell.run("append bank account-1 A").done();
    shell.run("append bank account-1 B").done();
    let report = shell.run("verify bank").done().lines().remove(0);
    assert_eq!((&report["is_right"], &report["events"]), (&json!(true), &json!(2)));
    let text = shell.run("verify bank --format table").done().stdout;
    assert!(text.contains("read 2 events") && text.contains("everything is right"), "{text}");
}

#[test]
fn a_flipped_bit_is_found_with_its_place() {
    let shell = Shell::new();
    let data = format!("{{\"note\":\"{}\"}}", "needle".repeat(10));
    for _ in 0..3 {
        shell.run_with(["append", "bank", "account-1", "Noted", &data]).done();
    }
    let (name, offset) = flip_a_bit(&shell, b"needleneedle");
    let ended = shell.run("verify bank");
    assert_eq!(ended.code, 1, "{ended:?}");
    let report = ended.lines().remove(0);
    assert_eq!(report["is_right"], false);
    let damage = &report["damages"][0];
    assert_eq!(damage["file"], json!(name));
    assert!(damage["offset"].as_u64().unwrap() <= offset, "{damage}");
    let text = shell.run("verify bank --format table");
    assert_eq!(text.code, 1);
    assert!(text.stdout.contains(&name) && text.stdout.contains("damaged"), "{text:?}");
    shell.run("export bank").refused(2, &["hitherto verify"]);
}

/// Flips a bit where these bytes stand first. Returns the file and the offset.
fn flip_a_bit(shell: &Shell, needle: &[u8]) -> (String, u64) {
    for entry in std::fs::read_dir(shell.path("bank")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        if let Some(at) = bytes.windows(needle.len()).position(|window| window == needle) {
            let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.write_all_at(&[bytes[at] ^ 1], at as u64).unwrap();
            return (path.file_name().unwrap().to_str().unwrap().to_owned(), at as u64);
        }
    }
    panic!("the payload is in no file");
}

#[test]
fn a_digest_that_was_noted_is_compared() {
    let shell = Shell::new();
    shell.run("append bank account-1 A").done();
    let noted = shell.run("stat bank").done().lines().remove(0)["digest"].clone();
    let noted = noted.as_str().unwrap();
    shell.run("append bank account-1 B").done();
    let text = shell.run(&format!("verify bank --format table --at 1 --digest {noted}")).done();
    assert!(text.stdout.contains("those that were noted"), "{text:?}");
    let other = "0".repeat(64);
    let ended = shell.run(&format!("verify bank --format table --at 1 --digest {other}"));
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains("CHANGED") && ended.stdout.contains(noted), "{ended:?}");
    shell.run(&format!("verify bank --at 9 --digest {noted}")).refused(2, &["position 9", "at 2"]);
    shell.run("verify bank --at 1").refused(2, &["--digest"]);
    shell.run("verify bank --at 1 --digest 12").refused(2, &["64 hexadecimal digits"]);
}
