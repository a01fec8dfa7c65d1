//! A person is appended, read, exported and forgotten from the command line.

use crate::command::Shell;

const NAME: &str = "Zoe-of-the-4711-lighthouses";

fn shell() -> Shell {
    let shell = Shell::new();
    let data = format!(r#"{{"name":{{"$personal":{{"subject":"person-7","value":"{NAME}"}}}}}}"#);
    shell
        .run_with(["append", "bank", "customer-7", "CustomerJoined", &data, "--keys", "bank.keys"])
        .done();
    shell
}

#[test]
fn forget_leaves_a_receipt_and_nothing_else() {
    let shell = shell();
    let read = |words: &str| shell.run(words).done().stdout;
    assert!(read("read bank --stream customer-7 --json --keys bank.keys").contains(NAME));
    assert!(!read("read bank --stream customer-7 --json").contains(NAME));
    assert!(read("export bank --keys bank.keys").contains(NAME));
    assert!(!read("export bank").contains(NAME));
    shell.run("keys backup bank.keys copy.keys").done();
    shell.run("keys backup bank.keys copy.keys").refused(2, &["copy.keys exists"]);
    let digest = |shell: &Shell| shell.run("stat bank --json").done().lines()[0]["digest"].clone();
    let before = digest(&shell);

    assert_eq!(read("forget bank person-7 --keys bank.keys"), "person-7 is forgotten\n");
    shell.run("forget bank person-7 --keys bank.keys").done();
    let events = shell.run("read bank --stream customer-7 --json --keys bank.keys").done().lines();
    assert_eq!(events[0]["data"]["name"]["$forgotten"]["subject"], "person-7");
    assert_eq!(events[0]["version"], 1);
    let receipts = shell.run("read bank --kind $SubjectForgotten --json").done().lines();
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0]["data"]["subject"], "person-7");
    assert_ne!(digest(&shell), before, "the receipt is history, too");
    let subjects = shell.run("keys list bank.keys --json").done().lines();
    assert_eq!(subjects[0]["is_forgotten"], true);
    assert!(read("export bank --keys copy.keys").contains("$forgotten"), "receipts are believed");
}

#[test]
fn what_cannot_be_forgotten_is_named_and_nothing_is_changed() {
    let shell = shell();
    let before = shell.run("export bank").done().stdout;
    shell.run("forget bank person-9 --keys bank.keys").refused(2, &["person-9", "keys list"]);
    shell.run("forget nowhere person-7 --keys bank.keys").refused(2, &["nowhere"]);
    assert!(!shell.path("nowhere").exists());
    shell.run("forget bank person-7 --keys no.keys").refused(2, &["no.keys", "missing"]);
    shell.run("keys list no.keys").refused(2, &["no.keys", "missing"]);
    assert!(!shell.path("no.keys").exists());
    let other = r#"{"$personal":{"subject":"person-7","value":1}}"#;
    shell.run_with(["append", "other", "a-1", "A", other, "--keys", "other.keys"]).done();
    shell.run("forget bank person-7 --keys other.keys").refused(2, &["another store"]);
    shell.run_with(["append", "bank", "a-1", "A", other]).refused(2, &["a vault in front"]);
    assert_eq!(shell.run("export bank").done().stdout, before);
}
