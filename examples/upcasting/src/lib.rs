//! A customer whose events changed their shape and their names over the years, and still read as
//! one.

use UserEvent::{EmailChanged, UserErased, UserRegistered, UserRemoved};
use hitherto::{Aggregate, Event, Root, ensure};
use serde::Deserialize;

// region: events
/// What can happen to a user, in today's words.
#[derive(Event, Debug, Clone, PartialEq)]
pub enum UserEvent {
    /// Somebody has an account with us. This is its third shape.
    #[event(version = 3, from(UserRegisteredV1, UserRegisteredV2))]
    UserRegistered {
        /// The name, in one piece: people have more than two.
        name: String,
        /// Where letters go.
        email: String,
        /// Whoever came before we asked has none.
        phone: Option<String>,
    },
    /// Letters go somewhere else.
    #[event(was = "EmailUpdated")]
    EmailChanged {
        /// Where to.
        email: String,
        /// Why; a field that came later, without a new version.
        #[serde(default)]
        reason: String,
    },
    /// The account is gone. The word was not exact enough.
    #[event(deprecated = "raise UserErased, which says that the data is gone too")]
    UserRemoved,
    /// The account and all that we knew about its owner are gone.
    UserErased,
}
// endregion: events

// region: older
/// A registration of the first year.
#[derive(Deserialize)]
pub struct UserRegisteredV1 {
    first_name: String,
    last_name: String,
    email: String,
}

/// A registration after we had begun to ask for phone numbers.
#[derive(Deserialize)]
pub struct UserRegisteredV2 {
    first_name: String,
    last_name: String,
    email: String,
    phone: String,
}
// endregion: older

// region: from
impl From<UserRegisteredV1> for UserEvent {
    fn from(old: UserRegisteredV1) -> Self {
        let name = format!("{} {}", old.first_name, old.last_name);
        UserRegistered { name, email: old.email, phone: None }
    }
}

impl From<UserRegisteredV2> for UserEvent {
    fn from(old: UserRegisteredV2) -> Self {
        let name = format!("{} {}", old.first_name, old.last_name);
        let phone = Some(old.phone).filter(|phone| !phone.is_empty());
        UserRegistered { name, email: old.email, phone }
    }
}
// endregion: from

/// Why nothing happens to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// There is such a user already.
    AlreadyRegistered,
    /// There is no such user, or not any more.
    NotRegistered,
}

// region: state
/// A user. Nothing here knows that events ever looked different.
#[derive(Debug, Default)]
pub struct User {
    root: Root<UserEvent>,
    /// The whole name.
    pub name: String,
    /// Where letters go.
    pub email: String,
    /// If we know one.
    pub phone: Option<String>,
    is_registered: bool,
}

impl Aggregate for User {
    const CATEGORY: &'static str = "user";
    type Id = String;
    type Event = UserEvent;
    type Error = Refused;

    fn root(&mut self) -> &mut Root<UserEvent> {
        &mut self.root
    }

    fn apply(&mut self, event: &UserEvent) {
        match event {
            UserRegistered { name, email, phone } => {
                self.is_registered = true;
                self.name.clone_from(name);
                self.email.clone_from(email);
                self.phone.clone_from(phone);
            }
            EmailChanged { email, .. } => self.email.clone_from(email),
            UserRemoved | UserErased => self.is_registered = false,
        }
    }
}
// endregion: state

impl User {
    /// Gives somebody an account.
    pub fn register(&mut self, name: &str, email: &str) -> Result<(), Refused> {
        ensure(self.root.version() == 0, Refused::AlreadyRegistered)?;
        self.raise(UserRegistered { name: name.into(), email: email.into(), phone: None })
    }

    /// Sends letters somewhere else.
    pub fn change_email(&mut self, email: &str, reason: &str) -> Result<(), Refused> {
        ensure(self.is_registered, Refused::NotRegistered)?;
        self.raise(EmailChanged { email: email.into(), reason: reason.into() })
    }

    /// Forgets the user, in the word that must not be used any more.
    pub fn remove(&mut self) -> Result<(), Refused> {
        ensure(self.is_registered, Refused::NotRegistered)?;
        self.raise(UserRemoved)
    }

    /// Forgets the user.
    pub fn erase(&mut self) -> Result<(), Refused> {
        ensure(self.is_registered, Refused::NotRegistered)?;
        self.raise(UserErased)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hitherto::testing::{Given as _, check_history};
    use hitherto::{Append, ErrorKind, NewEvent, Outcome as _, Repository, Store, wait};

    fn registered() -> UserEvent {
        UserRegistered { name: "Zoe Lund".into(), email: "zoe@example.org".into(), phone: None }
    }

    // region: history
    #[test]
    fn what_was_stored_once_can_always_be_read() {
        let moved = EmailChanged { email: "zoe@example.com".into(), reason: "moved".into() };
        check_history("tests/history", [registered(), moved, UserRemoved, UserErased]);
    }
    // endregion: history

    // region: deprecated
    #[test]
    fn a_deprecated_kind_is_read_and_not_appended() {
        wait(async {
            let users = Repository::<User>::new(&Store::in_memory());
            users.update("zoe", |user| user.register("Zoe", "zoe@example.org")).await.must()?;
            let error = users.update("zoe", User::remove).await.must().expect_err("deprecated");

            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains("raise UserErased"), "{error}");
            Ok::<(), hitherto::Error>(())
        })
        .expect("a store in memory works");
        User::given([registered(), UserRemoved]).state(|user| assert!(!user.is_registered));
    }
    // endregion: deprecated

    #[test]
    fn a_registration_of_the_first_year_is_one_of_today() {
        wait(async {
            let store = Store::in_memory();
            let payload = r#"{"first_name":"Zoe","last_name":"Lund","email":"zoe@example.org"}"#;
            let first_year = NewEvent::json("UserRegistered", payload).schema_version(1);
            store.append(Append::to("user-zoe").event(first_year)).await?;

            let user = Repository::<User>::new(&store).load("zoe").await?;
            assert_eq!((&*user.name, user.phone), ("Zoe Lund", None));
            Ok::<(), hitherto::Error>(())
        })
        .expect("a store in memory works");
    }

    #[test]
    fn an_empty_phone_number_was_none() {
        let payload = br#"{"first_name":"A","last_name":"B","email":"c","phone":""}"#;
        let event = UserEvent::decode("UserRegistered", 2, payload).expect("version 2 is known");
        let expected = UserRegistered { name: "A B".into(), email: "c".into(), phone: None };
        assert_eq!(event, expected);
    }

    #[test]
    fn nobody_is_erased_twice() {
        User::given([registered()]).when(User::erase).then([UserErased]);
        User::given([registered(), UserErased]).when(User::erase).refused(Refused::NotRegistered);
        User::given([registered()])
            .when(|user| user.register("Zoe", "zoe@example.org"))
            .refused(Refused::AlreadyRegistered);
    }
}
