//! A signature over the digest of a history: keys in files, and what is signed with them.
//!
//! Ed25519 over a few lines of text, so that anybody can check it with other tools.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use data_encoding::HEXLOWER;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hitherto_store::{Digest, Error, ErrorKind, EventId, Position, Result};
use serde::{Deserialize, Serialize};

/// The first line of a file with a secret key.
const KEY_TITLE: &str = "hitherto signing key";
const KEY_BYTES: usize = 32;

/// What was signed, and the signature: a line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Signed {
    store: String,
    position: u64,
    digest: String,
    key: String,
    signature: String,
}

/// What a signature says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statement {
    pub(crate) store: EventId,
    pub(crate) position: Position,
    pub(crate) digest: Digest,
}

impl Statement {
    /// The bytes that are signed.
    fn text(&self) -> String {
        let Self { store, position, digest } = self;
        format!("hitherto digest of history\nstore {store}\nposition {position}\ndigest {digest}\n")
    }

    /// Signs it with the key in a file.
    pub(crate) fn sign(&self, key: &SigningKey) -> Signed {
        let signature = key.sign(self.text().as_bytes());
        Signed {
            store: self.store.to_string(),
            position: self.position.0,
            digest: self.digest.to_string(),
            key: HEXLOWER.encode(key.verifying_key().as_bytes()),
            signature: HEXLOWER.encode(&signature.to_bytes()),
        }
    }
}

impl Signed {
    /// What the file at a path says; it is not believed yet.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
        serde_json::from_str(&text).map_err(|error| {
            let path = path.display();
            Error::invalid(format!(
                "{path} is no signature ({error}): name a file that `hitherto sign` wrote"
            ))
        })
    }

    /// What it says, and whether this key signed that.
    pub(crate) fn checked_by(&self, key: &VerifyingKey) -> Result<(Statement, bool)> {
        let store = self.store.parse().map_err(|_| not_whole("the id of a store"))?;
        let (position, digest) = (Position(self.position), self.digest.parse()?);
        let signature = HEXLOWER.decode(self.signature.as_bytes()).ok();
        let signature = signature.and_then(|bytes| Signature::from_slice(&bytes).ok());
        let signature = signature.ok_or_else(|| not_whole("a signature of 128 digits"))?;
        let statement = Statement { store, position, digest };
        let is_signed = key.verify_strict(statement.text().as_bytes(), &signature).is_ok();
        Ok((statement, is_signed))
    }
}

fn not_whole(what: &str) -> Error {
    Error::invalid(format!("the file with the signature lacks {what}: it was changed or cut"))
}

/// Makes a new secret key in a file that only its owner may read, and the public one beside it.
/// Returns the public one.
pub(crate) fn create_key(path: &Path) -> Result<String> {
    let mut secret = [0; KEY_BYTES];
    getrandom::fill(&mut secret).map_err(|error| {
        Error::unavailable(format!("the system gives no random numbers ({error}): try again"))
    })?;
    let key = SigningKey::from_bytes(&secret);
    let public = HEXLOWER.encode(key.verifying_key().as_bytes());
    let text = format!("{KEY_TITLE}\n{}\n", HEXLOWER.encode(&secret));
    let written = create_private(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| cannot_create(path, error))?;
    let beside = path.with_added_extension("pub");
    fs::write(&beside, format!("{public}\n")).map_err(|error| cannot_create(&beside, error))?;
    Ok(public)
}

/// The secret key in a file.
pub(crate) fn read_key(path: &Path) -> Result<SigningKey> {
    let text = fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
    refuse_public(path)?;
    let secret = text.strip_prefix(KEY_TITLE).and_then(|rest| key_bytes(rest.trim()));
    let secret = secret.ok_or_else(|| {
        Error::invalid(format!(
            "{} is no signing key: `hitherto sign --new-key FILE` makes one",
            path.display()
        ))
    })?;
    Ok(SigningKey::from_bytes(&secret))
}

/// A public key: the digits themselves, or the name of a file that has them.
pub(crate) fn public_key(named: &str) -> Result<VerifyingKey> {
    let text = match key_bytes(named) {
        Some(_) => named.to_owned(),
        None => fs::read_to_string(named).map_err(|error| unreadable(Path::new(named), error))?,
    };
    let key = key_bytes(text.trim()).and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
    key.ok_or_else(|| {
        Error::invalid(format!(
            "{named} is no public key: give its 64 digits, or the file ending in `.pub` beside the \
             signing key"
        ))
    })
}

fn key_bytes(text: &str) -> Option<[u8; KEY_BYTES]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// What others can read, others can sign with.
#[cfg(unix)]
fn refuse_public(path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let mode = fs::metadata(path).map_err(|error| unreadable(path, error))?.mode();
    if mode & 0o066 == 0 {
        return Ok(());
    }
    let path = path.display();
    Err(Error::invalid(format!(
        "{path} can be read by others, so a signature with it proves nothing: make a new key, or \
         `chmod 600 {path}` if nobody read it"
    )))
}

#[cfg(not(unix))]
fn refuse_public(_: &Path) -> Result<()> {
    Ok(())
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("{} cannot be read: see that the path is right", path.display()))
        .because(error)
}

fn cannot_create(path: &Path, error: io::Error) -> Error {
    let advice = match error.kind() {
        io::ErrorKind::AlreadyExists => "it is there already: name a new file",
        _ => "see that the directory can be written",
    };
    Error::new(ErrorKind::Unavailable, format!("{} cannot be made; {advice}", path.display()))
        .because(error)
}
