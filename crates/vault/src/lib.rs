//! Encrypts what is personal under a key a subject, and forgets a subject by destroying the key.
//!
//! What was appended cannot be taken back; but it can be made unreadable, in all copies at once. A
//! [`Vault`] is a store in front of any other. On the way in it seals each object of an event's
//! JSON that says that it is personal, and on the way out it opens it again. Keys live in a file of
//! their own, apart from the events.
//!
//! | in the JSON of an event | where |
//! |---|---|
//! | `{"$personal":{"subject":"person-7","value":…}}` | what is appended and read |
//! | `{"$sealed":{"subject":"person-7","key":…,"data":…}}` | what is stored |
//! | `{"$forgotten":{"subject":"person-7"}}` | what is read after `forget("person-7")` |
//!
//! The typed library has `Personal<T>` for the fields of events. Positions, versions, ids, kinds,
//! tags and the digest of history are those of the store behind, and forgetting changes none.

mod copies;
mod events;
mod json;
mod key_directory;
mod key_file;
mod keyring;
mod later;
mod place;
mod receipts;
mod seal;
mod slot;
mod snapshots;
mod values;
mod vault;

pub use copies::{backup_keys, subjects};
pub use slot::SUBJECT_BYTES_MAX;
pub use vault::{Subject, Vault};
