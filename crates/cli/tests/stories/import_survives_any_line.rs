//! Lines that are damaged in every way are imported or named; the program never breaks off.

use crate::command::Shell;

const LINE: &str = concat!(
    r#"{"position":1,"time":"2026-01-02T03:04:05.000000006Z","stream":"account-1","version":1,"#,
    r#""kind":"Deposited","schema_version":2,"id":"01890000-0000-7000-8000-000000000001","#,
    r#""tags":["customer:7"],"correlation":"01890000-0000-7000-8000-000000000002","#,
    r#""content_type":"text/plain","data_base64":"aGk=","metadata":{"by":"somebody"}}"#
);
/// What a part of a line may become.
const PIECES: [&str; 16] = [
    "",
    "\"",
    "\\",
    "{",
    "}",
    "[[[[[[[[",
    "null",
    "-1",
    "1e999",
    "18446744073709551616",
    "\u{0}",
    "\\ud800",
    "\n",
    "=",
    "9999-99-99",
    "\u{fffd}",
];

/// The line with a piece in the place of what stands between two of its tokens.
fn damaged(token: usize, piece: &str) -> Vec<u8> {
    let parts = LINE.split_inclusive([':', ',', '"', '{', '}', '[', ']']).enumerate();
    let part = |(number, part)| if number == token { piece } else { part };
    let mut line = parts.map(part).collect::<String>().into_bytes();
    if piece == "\u{fffd}" {
        line.truncate(line.len() * token / 80);
        line.push(0xff);
    }
    line.push(b'\n');
    line
}

#[test]
fn whatever_a_line_holds_it_is_imported_or_named() {
    let shell = Shell::new();
    let tokens = LINE.split_inclusive([':', ',', '"', '{', '}', '[', ']']).count();
    let mut imported = 0;
    for (number, piece) in PIECES.iter().enumerate() {
        for token in (number % 3..tokens).step_by(3) {
            let ended = shell.feed("import bank", &damaged(token, piece));
            match ended.code {
                0 => imported += 1,
                _ => drop(ended.refused(2, &["line "])),
            }
        }
    }
    assert!(imported > 10, "some damage is harmless");
    shell.run("verify bank").done();
}
