//! Seals one value, and opens it again: AES-256-GCM-SIV (RFC 8452), which stays safe even if a
//! nonce is used twice.

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};

use crate::slot::{Id, Key};

const NONCE_BYTES: usize = 12;

/// Where a sealed value stands: moved to any other place, it cannot be opened.
pub(crate) struct Place<'event> {
    pub(crate) vault: Id,
    /// The id of the event, or the name of the snapshot.
    pub(crate) holder: &'event [u8],
    /// Its payload (0), its metadata (1), or a snapshot (2).
    pub(crate) part: u8,
    /// The number of the sealed value in that part.
    pub(crate) number: u32,
    pub(crate) subject: &'event str,
    pub(crate) key: Id,
}

impl Place<'_> {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + self.holder.len() + self.subject.len());
        bytes.extend_from_slice(&self.vault.0);
        bytes.extend_from_slice(&self.key.0);
        bytes.push(self.part);
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&(self.holder.len() as u32).to_le_bytes());
        bytes.extend_from_slice(self.holder);
        bytes.extend_from_slice(self.subject.as_bytes());
        bytes
    }

    /// The same for the same place: so an append that is repeated has the same bytes, and is known
    /// as the same. Places are used once, so that nonces are.
    fn nonce(&self) -> [u8; NONCE_BYTES] {
        let hash = blake3::derive_key("hitherto vault 2026 nonce of a place", &self.encode());
        hash[..NONCE_BYTES].try_into().expect("a hash is longer")
    }
}

/// The nonce and the sealed value.
pub(crate) fn seal(key: &Key, place: &Place<'_>, value: &[u8]) -> Vec<u8> {
    seal_with(key, place, place.nonce(), value)
}

/// The same with a nonce that was chosen by chance: for places that are used again.
pub(crate) fn seal_with(
    key: &Key,
    place: &Place<'_>,
    nonce: [u8; NONCE_BYTES],
    value: &[u8],
) -> Vec<u8> {
    let payload = Payload { msg: value, aad: &place.encode() };
    let cipher = Aes256GcmSiv::new((&**key).into());
    let sealed = cipher.encrypt(&Nonce::from(nonce), payload);
    let sealed = sealed.expect("the value is shorter than the 64 GiB that can be sealed");
    [&nonce[..], &sealed].concat()
}

/// The value, if it is what was sealed for this place under this key.
pub(crate) fn open(key: &Key, place: &Place<'_>, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
    let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
    let payload = Payload { msg: sealed, aad: &place.encode() };
    Aes256GcmSiv::new((&**key).into()).decrypt(&Nonce::from(nonce), payload).ok()
}
