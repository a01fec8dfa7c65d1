//! A signature over the digest shows to whoever has the public key that nothing was changed since.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::os::unix::fs::PermissionsExt;

use crate::command::Shell;
use serde_json::{Value, json};

/// A store of two events, a key, and the signature over the events.
fn signed() -> (Shell, Value) {
    let shell = Shell::new();
    shell.run("append bank account-1 A").done();
    shell.run("append bank account-1 B").done();
    let public = shell.run("sign --new-key bank.key").done().stdout;
    let beside = std::fs::read_to_string(shell.path("bank.key.pub")).unwrap();
    assert_eq!(public, beside);
    let signed = shell.run("sign bank --key bank.key").done();
    std::fs::write(shell.path("bank.signed"), &signed.stdout).unwrap();
    let line = signed.lines().remove(0);
    assert_eq!(line["key"], json!(public.trim()));
    (shell, line)
}

const VERIFY: &str = "verify bank --format table --signed bank.signed --by bank.key.pub";

#[test]
fn what_was_signed_is_proven_also_when_more_came() {
    let (shell, line) = signed();
    shell.run("append bank account-1 C").done();
    let text = shell.run(VERIFY).done().stdout;
    assert!(text.contains("those that were noted") && text.contains("is right"), "{text}");
    let key = line["key"].as_str().unwrap();
    shell.run(&format!("verify bank --signed bank.signed --by {key}")).done();
    let earlier = shell.run("sign bank --key bank.key --at 1").done().lines().remove(0);
    assert_eq!(earlier["position"], json!(1));
    assert_ne!(earlier["digest"], line["digest"]);
    shell.run("sign bank --key bank.key --at 9").refused(2, &["position 9"]);
}

#[test]
fn whatever_is_changed_in_a_signature_is_noticed() {
    let (shell, line) = signed();
    let other = shell.run("stat bank").done().lines().remove(0);
    assert_eq!(other["digest"], line["digest"]);
    let zeros = "0".repeat(64);
    let replaced = [
        ("position", json!(1)),
        ("digest", json!(zeros)),
        ("store", json!("00000000-0000-0000-0000-000000000001")),
        ("signature", json!("0".repeat(128))),
    ];
    for (field, value) in replaced {
        let mut changed = line.clone();
        changed[field] = value;
        std::fs::write(shell.path("bank.signed"), changed.to_string()).unwrap();
        let ended = shell.run(VERIFY);
        assert_eq!(ended.code, 1, "{field}: {ended:?}");
        assert!(ended.stdout.contains("NOT SIGNED"), "{field}: {ended:?}");
    }
    // Who has another key can sign anything, and is not believed.
    shell.run("sign --new-key other.key").done();
    let forged = shell.run("sign bank --key other.key").done().stdout;
    std::fs::write(shell.path("bank.signed"), forged).unwrap();
    let ended = shell.run(VERIFY);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains("this key did not sign"), "{ended:?}");
}

#[test]
fn another_history_under_a_good_signature_is_noticed() {
    let (shell, _) = signed();
    std::fs::remove_dir_all(shell.path("bank")).unwrap();
    shell.run("append bank account-1 A").done();
    shell.run("append bank account-1 Forged").done();
    let ended = shell.run(VERIFY);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains("another store"), "{ended:?}");
}

#[test]
fn keys_and_signatures_that_are_none_are_refused_by_name() {
    let (shell, _) = signed();
    shell.run("sign --new-key bank.key").refused(2, &["bank.key", "there already"]);
    shell.run("sign bank --key nowhere.key").refused(2, &["nowhere.key", "path"]);
    shell.run("sign bank --key bank.key.pub").refused(2, &["bank.key.pub"]);
    shell.run("sign bank").refused(2, &["--key"]);
    shell.run("verify bank --signed bank.signed").refused(2, &["--by"]);
    shell.run("verify bank --signed bank.key --by bank.key.pub").refused(2, &["no signature"]);
    shell.run("verify bank --signed bank.signed --by bank.signed").refused(2, &["public key"]);
    let key = shell.path("bank.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    shell.run("sign bank --key bank.key").refused(2, &["by others", "chmod 600"]);
}
