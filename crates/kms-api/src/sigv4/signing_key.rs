//! The keys that sign: derived from a secret for one day, region and service, and remembered.

use std::collections::HashMap;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::credential_scope::{Credential, TERMINATOR};
use super::credentials::SecretAccessKey;

/// How many keys one thread remembers. A key costs some 400 bytes, and deriving it again about 1.5 µs.
const CAPACITY: usize = 1024;

/// HMAC-SHA-256 that has taken its key in; cloned for each signature, so that the key is hashed once.
pub(super) type SigningKey = Hmac<Sha256>;

/// The signing key of `secret` for the scope of `credential`. Source: AWS IAM User Guide, "Create a signed AWS API
/// request", step 4.
pub(super) fn derive(secret: &SecretAccessKey, credential: &Credential<'_>) -> SigningKey {
    let mut initial = Zeroizing::new(Vec::with_capacity(4 + secret.expose().len()));
    initial.extend_from_slice(b"AWS4");
    initial.extend_from_slice(secret.expose());
    let day = mac_of(&initial, credential.day);
    let region = mac_of(&*day, credential.region);
    let service = mac_of(&*region, credential.service);
    keyed(&*mac_of(&*service, TERMINATOR))
}

/// The work of one signature, for a client without a key: how long the answer takes must not tell whether an access key
/// id exists.
pub(super) fn sign_in_vain(text: &[u8]) {
    let mut mac = keyed(&[0; 32]);
    mac.update(text);
    std::hint::black_box(mac.finalize());
}

/// The keys one thread used lately, found by the text of the credential, which names access key id, day, region and
/// service.
#[derive(Default)]
pub(super) struct SigningKeyCache {
    keys: HashMap<Box<str>, (SecretAccessKey, SigningKey)>,
}

impl SigningKeyCache {
    /// The key of `credential`, provided it came from this very `secret`: an access key may get another secret.
    pub(super) fn find(&self, credential: &str, secret: &SecretAccessKey) -> Option<SigningKey> {
        let (known, key) = self.keys.get(credential)?;
        (known == secret).then(|| key.clone())
    }

    /// Remembers a key. Call it once the signature was right: whoever has no secret must not fill the cache. A full
    /// cache is emptied, which costs each caller one derivation and needs no book-keeping.
    pub(super) fn remember(&mut self, credential: &str, secret: SecretAccessKey, key: SigningKey) {
        if self.keys.len() >= CAPACITY {
            self.keys.clear();
        }
        self.keys.insert(credential.into(), (secret, key));
    }
}

fn mac_of(key: &[u8], text: &str) -> Zeroizing<[u8; 32]> {
    let mut mac = keyed(key);
    mac.update(text.as_bytes());
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[expect(clippy::expect_used, reason = "the invariant stands in the message")]
fn keyed(key: &[u8]) -> SigningKey {
    SigningKey::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretAccessKey {
        SecretAccessKey::new(text.to_owned())
    }

    fn signed(key: &SigningKey) -> [u8; 32] {
        let mut mac = key.clone();
        mac.update(b"text");
        mac.finalize().into_bytes().into()
    }

    #[test]
    fn a_remembered_key_is_the_derived_one_until_the_secret_changes() {
        let credential = Credential::parse("AKID/20260101/us-east-1/kms/aws4_request").unwrap();
        let mut cache = SigningKeyCache::default();
        let derived = derive(&secret("old"), &credential);
        assert!(cache.find(credential.text, &secret("old")).is_none());
        cache.remember(credential.text, secret("old"), derived.clone());
        let found = cache.find(credential.text, &secret("old")).unwrap();
        assert_eq!(signed(&found), signed(&derived));
        assert!(cache.find(credential.text, &secret("new")).is_none());
        assert!(cache.find("AKID/20260102/us-east-1/kms/aws4_request", &secret("old")).is_none());
    }

    #[test]
    fn the_cache_never_exceeds_its_capacity() {
        let mut cache = SigningKeyCache::default();
        for number in 0..=2 * CAPACITY {
            cache.remember(&number.to_string(), secret("s"), keyed(b"k"));
            assert!(cache.keys.len() <= CAPACITY);
        }
    }
}
