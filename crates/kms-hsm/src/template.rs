//! Object templates, frozen as cryptography.md 6 says. Omitted flags default to true on SoftHSM, so every flag is
//! written; `CKA_MODIFIABLE = false` comes last, because SoftHSM refuses later entries and leaves a nameless object.

use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use kms_core::hsm::TokenObject;
use kms_core::ids::ObjectId;
use uuid::Uuid;
use zeroize::Zeroize;

use crate::mechanism::Kwp;

pub(crate) mod private;

/// `CKA_APPLICATION` of the sentinel.
const APPLICATION: &[u8] = b"strongroom";
/// The role in the label of the sentinel.
pub(crate) const SENTINEL_LABEL: &str = "strongroom/sentinel";

/// The one thing that a key may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Usage {
    Encrypt,
    Decrypt,
    Sign,
    Wrap,
    Unwrap,
    Derive,
    Decapsulate,
}

/// A template that may carry a secret in `CKA_VALUE` and wipes it when dropped.
pub(crate) struct Template(Vec<Attribute>);

impl Template {
    /// The attributes in their order.
    pub(crate) fn attributes(&self) -> &[Attribute] {
        &self.0
    }

    /// Adds the secret itself, before the last entry. For `C_CreateObject`.
    pub(crate) fn with_value(self, secret: &[u8]) -> Self {
        self.with([Attribute::Value(secret.to_vec())])
    }

    /// Adds the numbers of a private key, before the last entry.
    pub(crate) fn with(mut self, numbers: impl IntoIterator<Item = Attribute>) -> Self {
        let last = self.0.len() - 1;
        self.0.splice(last..last, numbers);
        self
    }

    /// Adds the length of the secret, before the last entry. For `C_GenerateKey`; SoftHSM refuses it in an unwrap.
    pub(crate) fn with_length(self, bytes: usize) -> Self {
        self.with([Attribute::ValueLen((bytes as u64).into())])
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        use Attribute::{Coefficient, Exponent1, Exponent2, Prime1, Prime2, PrivateExponent, Value};
        for attribute in &mut self.0 {
            if let Value(secret)
            | PrivateExponent(secret)
            | Prime1(secret)
            | Prime2(secret)
            | Exponent1(secret)
            | Exponent2(secret)
            | Coefficient(secret) = attribute
            {
                secret.zeroize();
            }
        }
    }
}

/// The secret token object of SYMMETRIC_DEFAULT and of the root key: SIGN with `CKM_SHA256_HMAC` and nothing else.
pub(crate) fn secret(object: &TokenObject) -> Template {
    hmac(&[MechanismType::SHA256_HMAC], Some(object))
}

/// A session object with the same powers as [`secret`], to try material without keeping it.
pub(crate) fn trial_secret() -> Template {
    hmac(&[MechanismType::SHA256_HMAC], None)
}

/// A secret that computes one HMAC and does nothing else: a token object, or without one a session object for a trial.
pub(crate) fn hmac(allowed: &[MechanismType], object: Option<&TokenObject>) -> Template {
    key(KeyType::GENERIC_SECRET, Usage::Sign, Attribute::AllowedMechanisms(allowed.to_vec()), object)
}

/// A secret that is read once and destroyed: imported bytes that the process must take apart.
pub(crate) fn exposed_secret() -> Template {
    readable(None)
}

/// A secret whose length is measured by wrapping it. For the time of that call the process holds the wrapping and the key that
/// it is under, and wipes both.
pub(crate) fn measured_secret() -> Template {
    let mut template = readable(None);
    for attribute in &mut template.0 {
        if let Attribute::Sensitive(sensitive) = attribute {
            *sensitive = true;
        }
    }
    template
}

/// A session object that wraps by KWP.
pub(crate) fn wrapping_aes(kwp: Kwp) -> Template {
    key(KeyType::AES, Usage::Wrap, kwp.allowed(), None)
}

/// What ECDH gives: a session object that is read and destroyed, and can do nothing. Source: cryptography.md 7.
pub(crate) fn shared_secret(bytes: usize) -> Template {
    readable(Some(bytes))
}

fn readable(bytes: Option<usize>) -> Template {
    let mut template = vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::GENERIC_SECRET),
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
        Attribute::Encrypt(false),
        Attribute::Decrypt(false),
        Attribute::Sign(false),
        Attribute::Verify(false),
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
        Attribute::Derive(false),
    ];
    template.extend(bytes.map(|bytes| Attribute::ValueLen((bytes as u64).into())));
    Template(template)
}

/// A session object that encrypts one block: works for 16, 24 and 32 bytes only.
pub(crate) fn trial_aes() -> Template {
    key(KeyType::AES, Usage::Encrypt, Attribute::AllowedMechanisms(vec![MechanismType::AES_ECB]), None)
}

/// A session object that unwraps by KWP: the ephemeral key of `RSA_AES_KEY_WRAP`.
pub(crate) fn ephemeral_aes(kwp: Kwp) -> Template {
    key(KeyType::AES, Usage::Unwrap, kwp.allowed(), None)
}

/// The sentinel: a private data object whose value is the deployment id. Data objects have no `CKA_ID` (SoftHSM answers
/// CKR_ATTRIBUTE_TYPE_INVALID), so its id stands in `CKA_OBJECT_ID`.
pub(crate) fn sentinel(id: ObjectId, deployment: Uuid) -> Vec<Attribute> {
    let mut template = sentinel_search(Some(id));
    template.extend([
        Attribute::Value(deployment.as_bytes().to_vec()),
        Attribute::Destroyable(true),
        Attribute::Copyable(false),
        Attribute::Modifiable(false),
    ]);
    template
}

/// Finds one sentinel, or every sentinel.
pub(crate) fn sentinel_search(id: Option<ObjectId>) -> Vec<Attribute> {
    let mut template = vec![
        Attribute::Class(ObjectClass::DATA),
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Application(APPLICATION.to_vec()),
        Attribute::Label(SENTINEL_LABEL.as_bytes().to_vec()),
    ];
    template.extend(id.map(|id| Attribute::ObjectId(id.as_bytes().to_vec())));
    template
}

fn key(key_type: KeyType, usage: Usage, allowed: Attribute, object: Option<&TokenObject>) -> Template {
    let mut template = vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(key_type),
        Attribute::Token(object.is_some()),
        Attribute::Private(true),
    ];
    // Identity before all else: an object torn by a kill then has its id, so that destroying by id finds it.
    if let Some(object) = object {
        template.push(Attribute::Id(object.id.as_bytes().to_vec()));
        template.push(Attribute::Label(object.label.as_bytes().to_vec()));
    }
    template.extend([
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Encrypt(usage == Usage::Encrypt),
        Attribute::Decrypt(usage == Usage::Decrypt),
        Attribute::Sign(usage == Usage::Sign),
        Attribute::Verify(false),
        Attribute::Wrap(usage == Usage::Wrap),
        Attribute::Unwrap(usage == Usage::Unwrap),
        Attribute::Derive(false),
        allowed,
        Attribute::Destroyable(true),
        Attribute::Copyable(false),
        Attribute::Modifiable(false),
    ]);
    Template(template)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_form::Powers;

    #[test]
    fn every_frozen_template_ends_with_modifiable_false() {
        let object = TokenObject::internal(ObjectId::random(), "root");
        let powers = Powers { usage: Usage::Unwrap, allowed: vec![MechanismType::RSA_PKCS_OAEP] };
        for template in [
            secret(&object).with_value(&[1; 32]).attributes(),
            secret(&object).with_length(32).attributes(),
            trial_secret().attributes(),
            &private::generated(&object, &powers, true),
            &private::copied(),
            private::imported(KeyType::RSA, &powers, Some(&object)).with([Attribute::Prime1(vec![1])]).attributes(),
            &sentinel(object.id, Uuid::nil()),
        ] {
            assert_eq!(template.last(), Some(&Attribute::Modifiable(false)));
        }
    }

    #[test]
    fn a_secret_may_sign_and_nothing_else() {
        let template = secret(&TokenObject::internal(ObjectId::random(), "root"));
        let granted: Vec<_> = template
            .attributes()
            .iter()
            .filter(|attribute| {
                use Attribute::{Decrypt, Derive, Encrypt, Sign, Unwrap, Verify, Wrap};
                matches!(
                    attribute,
                    Encrypt(true)
                        | Decrypt(true)
                        | Sign(true)
                        | Verify(true)
                        | Wrap(true)
                        | Unwrap(true)
                        | Derive(true)
                )
            })
            .collect();
        assert_eq!(granted, [&Attribute::Sign(true)]);
    }
}
