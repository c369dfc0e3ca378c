//! Bytes of a blob member.

use crate::error::ModelError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::borrow::Cow;
use std::fmt;
use zeroize::Zeroize;

/// Bytes of a blob member, decoded from base64. `Debug` prints only their number; they are wiped on drop.
#[derive(Clone, Default)]
pub struct Blob(pub Vec<u8>);

impl Blob {
    /// Decodes standard base64 with padding and wipes the text if it was a copy.
    ///
    /// # Errors
    /// `Serialization(None)` for another alphabet, broken padding or stray bits, as KMS answers.
    pub(crate) fn decode(text: Cow<'_, str>) -> Result<Self, ModelError> {
        let bytes = STANDARD.decode(text.as_bytes());
        if let Cow::Owned(mut copy) = text {
            copy.zeroize();
        }
        bytes.map(Self).map_err(|_| ModelError::BROKEN)
    }

    /// The bytes themselves; what remains is empty.
    pub fn take(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl Drop for Blob {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(Bytes)
    }
}

struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = Blob;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Blob, E> {
        Ok(Blob(bytes.to_vec()))
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Blob, E> {
        Ok(Blob(bytes))
    }
}
