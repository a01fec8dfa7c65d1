//! A store is backed up while the command line appends to it, checked, and restored.

use crate::command::Shell;

#[test]
fn backup_and_restore_are_inverse() {
    let shell = Shell::new();
    for number in 1..=3 {
        shell.run(&format!("append bank account-1 Deposited {{\"amount\":{number}}}")).done();
        shell.run("backup bank safe").done();
    }
    assert_eq!(shell.run("backup --check safe").done().stdout, "sound: 3 events\n");
    shell.run("restore safe copy").done();
    assert_eq!(shell.run("export copy").done().stdout, shell.run("export bank").done().stdout);
    let digest = |store: &str| {
        shell.run(&format!("stat {store} --json")).done().lines()[0]["digest"].clone()
    };
    assert_eq!(digest("copy"), digest("bank"));
    shell.run("append copy account-1 Deposited {\"amount\":4} --expect 3").done();
}

#[test]
fn an_archive_is_named_where_it_is_and_when_it_is_wrong() {
    let shell = Shell::new();
    shell.run("append bank account-1 Opened {}").done();
    let said = shell.run("archive bank --to cold").done().stdout;
    assert!(said.starts_with("moved 0 files"), "{said}");
    shell.run("archive nowhere --to cold").refused(2, &["nowhere"]);
    shell.run("archive bank --to ftp://cold").refused(2, &["is no archive"]);
    std::fs::write(shell.path("file"), "").expect("it can be written");
    shell.run("archive bank --to file").refused(2, &["cannot be used as an archive"]);
}

#[test]
fn a_damaged_backup_or_a_wrong_directory_is_named() {
    let shell = Shell::new();
    shell.run("append bank account-1 Opened {}").done();
    shell.run("backup bank safe").done();
    shell.run("restore safe bank").refused(2, &["bank is not empty"]);
    shell.run("restore nowhere copy").refused(2, &["nowhere"]);
    shell.run("backup nowhere safe").refused(2, &["nowhere"]);
    shell.run("backup bank bank").refused(2, &["of no backup"]);
    shell.run("backup --check bank").refused(2, &["holds no backup"]);
    shell.run("append other account-1 Opened {}").done();
    shell.run("backup other safe").refused(2, &["another directory"]);

    let is_log = |name: &str| name.contains(".log.");
    let files = std::fs::read_dir(shell.path("safe")).expect("it is there");
    let mut files = files.map(|entry| entry.expect("it can be listed").path());
    let log = files.find(|path| is_log(&path.display().to_string())).expect("there is one");
    let mut bytes = std::fs::read(&log).expect("it can be read");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&log, bytes).expect("it can be written");
    let checked = shell.run("backup --check safe");
    assert_eq!(checked.code, 1, "{checked:?}");
    assert!(checked.stdout.contains("is not what was copied"), "{checked:?}");
    shell.run("restore safe copy").refused(2, &["the backup is damaged"]);
    assert!(!shell.path("copy").exists());
}
