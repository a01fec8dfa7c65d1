//! The commands in the guide on time travel print what the guide shows.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use crate::command::Shell;

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/time-travel.md");
/// With this variable set, the guide is written anew with what the commands print.
const WRITE: &str = "HITHERTO_WRITE_GUIDE";
/// A time in the guide, whose digits are those of the day on which it was written.
const TIME: &str = "dddd-dd-ddTdd:dd:dd.dddZ";

/// Runs a command as it stands in the guide, as on a terminal.
fn run(shell: &Shell, line: &str) -> String {
    let mut words = words(line);
    assert_eq!(words.remove(0), "hitherto");
    let is_told = ["show", "diff", "why"].contains(&words[0].as_str());
    if is_told {
        words.extend(["--format".to_owned(), "table".to_owned()]);
    }
    let mut command = shell.command(words);
    let output = command.env_remove("HITHERTO_STORE").output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    if is_told { String::from_utf8(output.stdout).unwrap() } else { String::new() }
}

/// Words with spaces between them, or in single quotes.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    let words = parts.flat_map(|(index, part)| match index % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

/// The text with all times made equal.
fn without_times(text: &str) -> String {
    let is_time = |part: &str| {
        part.chars().zip(TIME.chars()).all(|(c, shape)| match shape {
            'd' => c.is_ascii_digit(),
            _ => c == shape,
        })
    };
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (part, after) = match rest.get(..TIME.len()).filter(|part| is_time(part)) {
            Some(_) => (TIME, &rest[TIME.len()..]),
            None => rest.split_at(first.len_utf8()),
        };
        out.push_str(part);
        rest = after;
    }
    out
}

#[test]
fn each_command_prints_what_stands_below_it() {
    let guide = std::fs::read_to_string(GUIDE).unwrap();
    let shell = Shell::new();
    let mut rewritten = String::new();
    let (mut is_console, mut is_quiet) = (false, true);
    for line in guide.lines() {
        if line.starts_with("```") {
            is_console = line == "```console";
        }
        if let Some(command) = line.strip_prefix("$ ").filter(|_| is_console) {
            // A blank line sets a command apart from what the one before it printed.
            let gap = if rewritten.ends_with("```console\n") || is_quiet { "" } else { "\n" };
            let printed = run(&shell, command);
            is_quiet = printed.is_empty();
            rewritten.extend([gap, line, "\n", &printed]);
        } else if !is_console || line.starts_with("```") {
            rewritten.extend([line, "\n"]);
        }
    }
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(GUIDE, &rewritten).unwrap();
    }
    let (guide, rewritten) = (without_times(&guide), without_times(&rewritten));
    for (line, printed) in guide.lines().zip(rewritten.lines()) {
        assert_eq!(line, printed, "{WRITE}=1 writes it anew");
    }
    assert_eq!(guide.lines().count(), rewritten.lines().count(), "{WRITE}=1 writes it anew");
}
