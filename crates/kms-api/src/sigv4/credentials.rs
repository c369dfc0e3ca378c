//! Whose secret a signature is checked against.

use std::fmt;
use std::sync::Arc;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Finds the secret behind an access key id.
pub trait SigningKeys: Send + Sync {
    /// Whoever holds the access key; handed back untouched when the signature is right.
    type Caller;

    /// The secret and the holder of `access_key_id`. `session_token` is the `X-Amz-Security-Token` of the request: a
    /// long-term key must refuse one, a temporary key must demand its own. It runs before the signature is checked, so
    /// it should be cheap and must not trust its arguments.
    ///
    /// # Errors
    /// `CredentialsRefused::Invalid` if nobody has this id or the token does not belong to it, `Expired` if it did.
    fn find(
        &self,
        access_key_id: &str,
        session_token: Option<&str>,
    ) -> Result<Credentials<Self::Caller>, CredentialsRefused>;
}

impl<K: SigningKeys + ?Sized> SigningKeys for Arc<K> {
    type Caller = K::Caller;

    fn find(
        &self,
        access_key_id: &str,
        session_token: Option<&str>,
    ) -> Result<Credentials<Self::Caller>, CredentialsRefused> {
        (**self).find(access_key_id, session_token)
    }
}

/// What an access key id stands for.
#[derive(Debug, Clone)]
pub struct Credentials<Caller> {
    /// The secret that signs.
    pub secret: SecretAccessKey,
    /// Who holds it.
    pub caller: Caller,
}

/// Why `SigningKeys::find` has nothing to offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialsRefused {
    /// Unknown access key id, or a session token that is forged, missing or not its own.
    Invalid,
    /// A session token of ours that is too old.
    Expired,
}

/// A secret access key: cheap to clone, wiped when the last clone goes, compared in constant time.
#[derive(Clone)]
pub struct SecretAccessKey(Arc<Zeroizing<String>>);

impl SecretAccessKey {
    /// Takes the secret over; the buffer of `secret` itself is wiped in the end.
    #[must_use]
    pub fn new(secret: String) -> Self {
        Self(Arc::new(Zeroizing::new(secret)))
    }

    /// The secret bytes, for the derivation of a signing key and nothing else.
    pub(super) fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl PartialEq for SecretAccessKey {
    fn eq(&self, other: &Self) -> bool {
        // Whether it is one allocation tells nothing of the bytes.
        Arc::ptr_eq(&self.0, &other.0) || self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for SecretAccessKey {}

impl fmt::Debug for SecretAccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretAccessKey({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_its_length_only() {
        let credentials = Credentials { secret: SecretAccessKey::new("hunter2".to_owned()), caller: "root" };
        let shown = format!("{credentials:?} {:#?}", credentials.secret);
        assert!(shown.contains("SecretAccessKey(7 bytes)") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn secrets_are_equal_by_value() {
        let secret = |text: &str| SecretAccessKey::new(text.to_owned());
        assert_eq!(secret("a"), secret("a"));
        assert_ne!(secret("a"), secret("b"));
        assert_ne!(secret("a"), secret("ab"));
    }
}
