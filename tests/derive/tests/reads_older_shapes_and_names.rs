//! Every shape and every name that a kind ever had reads as today's event.

use hitherto::Event;
use serde::Deserialize;

#[derive(Event, Debug, PartialEq)]
enum UserEvent {
    #[event(version = 3, from(RegisteredV1, RegisteredV2), was = "UserCreated")]
    UserRegistered { email: String, phone: Option<String>, newsletter: bool },
    #[event(was = "EmailUpdated", was = "MailChanged")]
    EmailChanged { email: String },
    #[event(name = "users.Removed", deprecated = "append UserErased")]
    Removed,
    #[event(version = 2, from(ErasedV1))]
    UserErased,
}

/// A registration before we asked for phone numbers.
#[derive(Deserialize)]
struct RegisteredV1 {
    email: String,
}

/// A registration before the newsletter.
#[derive(Deserialize)]
struct RegisteredV2 {
    email: String,
    phone: String,
}

/// Erasing once told why; the reason decided what it was.
#[derive(Deserialize)]
struct ErasedV1 {
    by_request: bool,
}

impl From<RegisteredV1> for UserEvent {
    fn from(old: RegisteredV1) -> Self {
        registered(&old.email, None)
    }
}

impl From<RegisteredV2> for UserEvent {
    fn from(old: RegisteredV2) -> Self {
        registered(&old.email, Some(&old.phone))
    }
}

impl From<ErasedV1> for UserEvent {
    fn from(old: ErasedV1) -> Self {
        if old.by_request { Self::UserErased } else { Self::Removed }
    }
}

fn registered(email: &str, phone: Option<&str>) -> UserEvent {
    let phone = phone.map(Into::into);
    UserEvent::UserRegistered { email: email.into(), phone, newsletter: false }
}

fn read(kind: &str, version: u16, payload: &str) -> UserEvent {
    UserEvent::decode(kind, version, payload.as_bytes()).expect("what was stored can be read")
}

#[test]
fn each_version_is_raised_to_the_newest_shape() {
    assert_eq!(read("UserRegistered", 1, r#"{"email":"a@b"}"#), registered("a@b", None));
    assert_eq!(
        read("UserRegistered", 2, r#"{"email":"a@b","phone":"1"}"#),
        registered("a@b", Some("1"))
    );
    assert_eq!(
        read("UserRegistered", 3, r#"{"email":"a@b","phone":null,"newsletter":false}"#),
        registered("a@b", None)
    );
}

#[test]
fn an_old_name_reads_at_every_version() {
    assert_eq!(read("UserCreated", 1, r#"{"email":"a@b"}"#), registered("a@b", None));
    assert_eq!(
        read("UserCreated", 3, r#"{"email":"a@b","phone":"1","newsletter":false}"#),
        registered("a@b", Some("1"))
    );
    for name in ["EmailUpdated", "MailChanged", "EmailChanged"] {
        let changed = UserEvent::EmailChanged { email: "c@d".into() };
        assert_eq!(read(name, 1, r#"{"email":"c@d"}"#), changed);
    }
}

#[test]
fn an_old_shape_may_become_another_kind() {
    assert_eq!(read("UserErased", 1, r#"{"by_request":true}"#), UserEvent::UserErased);
    assert_eq!(read("UserErased", 1, r#"{"by_request":false}"#), UserEvent::Removed);
    assert_eq!(read("UserErased", 2, "{}"), UserEvent::UserErased);
}

#[test]
fn a_deprecated_kind_still_reads_and_says_what_to_use() {
    let removed = read("users.Removed", 1, "{}");
    assert_eq!(removed.kind().deprecated, Some("append UserErased"));
    assert_eq!(registered("a@b", None).kind().deprecated, None);
}

#[test]
fn new_events_carry_the_newest_version_and_name() {
    let kind = registered("a@b", None).kind();
    assert_eq!((kind.name, kind.version, kind.was), ("UserRegistered", 3, &["UserCreated"][..]));
}

#[test]
fn a_version_from_the_future_is_an_error_that_names_it() {
    let error = UserEvent::decode("UserRegistered", 4, b"{}").unwrap_err();
    assert!(error.to_string().contains('4'), "{error}");
    assert!(UserEvent::decode("UserRegistered", 0, b"{}").is_err());
}
