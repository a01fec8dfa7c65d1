//! Variants whose names the derive used for itself, `Written` and `Borrowed`, did not compile.

use hitherto::Event;

#[derive(Event, Debug, PartialEq)]
enum LetterEvent {
    Written { text: String },
    Borrowed { by: String },
    Read { by: String },
}

#[test]
fn a_variant_may_have_any_name() {
    let written = LetterEvent::Written { text: "dear".into() };
    let bytes = written.encode().expect("it is text");
    let kind = written.kind();
    assert_eq!(
        LetterEvent::decode(kind.name, kind.version, &bytes).expect("its own bytes"),
        written
    );
    assert_eq!(LetterEvent::Borrowed { by: "ann".into() }.kind().name, "Borrowed");
    assert_eq!(LetterEvent::Read { by: "ann".into() }.kind().name, "Read");
}
