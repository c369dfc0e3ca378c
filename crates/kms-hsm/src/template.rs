//! Object templates, frozen as cryptography.md 6 says. Omitted flags default to true on SoftHSM, so every flag is
//! written; `CKA_MODIFIABLE = false` comes last, because SoftHSM refuses later entries and leaves a nameless object.

use cryptoki::mechanism::MechanismType;
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use kms_core::hsm::{ObjectKind, TokenObject};
use kms_core::ids::ObjectId;
use uuid::Uuid;
use zeroize::Zeroize;

/// Length in bytes of every secret that the service keeps in the token.
pub(crate) const SECRET_BYTES: u64 = 32;
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
    Unwrap,
}

/// A template that may carry a secret in `CKA_VALUE` and wipes it when dropped.
pub(crate) struct Template(Vec<Attribute>);

impl Template {
    /// The attributes in their order.
    pub(crate) fn attributes(&self) -> &[Attribute] {
        &self.0
    }

    /// Adds the secret itself, before the last entry. For `C_CreateObject`.
    pub(crate) fn with_value(mut self, secret: &[u8]) -> Self {
        self.0.insert(self.0.len() - 1, Attribute::Value(secret.to_vec()));
        self
    }

    /// Adds the length of the secret, before the last entry. For `C_GenerateKey`; SoftHSM refuses it in an unwrap.
    pub(crate) fn with_length(mut self) -> Self {
        self.0.insert(self.0.len() - 1, Attribute::ValueLen(SECRET_BYTES.into()));
        self
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        for attribute in &mut self.0 {
            if let Attribute::Value(value) = attribute {
                value.zeroize();
            }
        }
    }
}

/// The secret token object of a kind ([`ObjectKind::Symmetric`] and [`ObjectKind::Root`] are alike): SIGN with
/// `CKM_SHA256_HMAC` and nothing else.
pub(crate) fn secret(object: &TokenObject) -> Template {
    key(KeyType::GENERIC_SECRET, Usage::Sign, &[MechanismType::SHA256_HMAC], Some(object))
}

/// A session object with the same powers as [`secret`], to try material without keeping it.
pub(crate) fn trial_secret() -> Template {
    key(KeyType::GENERIC_SECRET, Usage::Sign, &[MechanismType::SHA256_HMAC], None)
}

/// A session object that encrypts one block: works for 16, 24 and 32 bytes only.
pub(crate) fn trial_aes() -> Template {
    key(KeyType::AES, Usage::Encrypt, &[MechanismType::AES_ECB], None)
}

/// A session object that unwraps by KWP: the ephemeral key of `RSA_AES_KEY_WRAP`.
pub(crate) fn ephemeral_aes() -> Template {
    key(KeyType::AES, Usage::Unwrap, &[MechanismType::AES_KEY_WRAP_PAD], None)
}

/// The public half of an RSA pair: a session object that can do nothing; only its modulus is read.
pub(crate) fn public_rsa(modulus_bits: u64) -> Vec<Attribute> {
    vec![
        Attribute::Token(false),
        Attribute::Private(false),
        Attribute::Encrypt(false),
        Attribute::Verify(false),
        Attribute::VerifyRecover(false),
        Attribute::Wrap(false),
        Attribute::Derive(false),
        Attribute::ModulusBits(modulus_bits.into()),
        Attribute::PublicExponent(vec![1, 0, 1]),
    ]
}

/// The private half of a wrapping pair with one usage and one mechanism. As a session object (`token` false) it stays
/// copyable and modifiable for the moment until [`copied_rsa`] copies it.
pub(crate) fn private_rsa(object: &TokenObject, usage: Usage, mechanism: MechanismType, token: bool) -> Vec<Attribute> {
    let mut template = private_rsa_flags(usage, token);
    template.extend([
        Attribute::Id(object.id.as_bytes().to_vec()),
        Attribute::Label(object.label.as_bytes().to_vec()),
        Attribute::AllowedMechanisms(vec![mechanism]),
        Attribute::Destroyable(true),
    ]);
    if token {
        template.extend([Attribute::Copyable(false), Attribute::Modifiable(false)]);
    }
    template
}

/// What `C_CopyObject` may still say: SoftHSM refuses `CKA_COPYABLE` and `CKA_ALLOWED_MECHANISMS` here.
pub(crate) fn copied_rsa() -> [Attribute; 2] {
    [Attribute::Token(true), Attribute::Modifiable(false)]
}

/// The private half of the pair of the self-test, a session object that may be used in both ways.
pub(crate) fn trial_private_rsa() -> Vec<Attribute> {
    let mut template = private_rsa_flags(Usage::Unwrap, false);
    template.retain(|attribute| !matches!(attribute, Attribute::Decrypt(_)));
    template.push(Attribute::Decrypt(true));
    template
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

/// The class that an object of a kind has.
pub(crate) fn class_of(kind: ObjectKind) -> ObjectClass {
    match kind {
        ObjectKind::Symmetric | ObjectKind::Root => ObjectClass::SECRET_KEY,
        ObjectKind::Wrapping => ObjectClass::PRIVATE_KEY,
        ObjectKind::Sentinel => ObjectClass::DATA,
    }
}

fn key(key_type: KeyType, usage: Usage, allowed: &[MechanismType], object: Option<&TokenObject>) -> Template {
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
        Attribute::Wrap(false),
        Attribute::Unwrap(usage == Usage::Unwrap),
        Attribute::Derive(false),
        Attribute::AllowedMechanisms(allowed.to_vec()),
        Attribute::Destroyable(true),
        Attribute::Copyable(false),
        Attribute::Modifiable(false),
    ]);
    Template(template)
}

fn private_rsa_flags(usage: Usage, token: bool) -> Vec<Attribute> {
    vec![
        Attribute::Token(token),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Decrypt(usage == Usage::Decrypt),
        Attribute::Sign(usage == Usage::Sign),
        Attribute::SignRecover(false),
        Attribute::Unwrap(usage == Usage::Unwrap),
        Attribute::Derive(false),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frozen_template_ends_with_modifiable_false() {
        let object = TokenObject::internal(ObjectId::random(), "root");
        let pair = private_rsa(&object, Usage::Unwrap, MechanismType::RSA_PKCS_OAEP, true);
        for template in [
            secret(&object).with_value(&[1; 32]).attributes(),
            secret(&object).with_length().attributes(),
            trial_secret().attributes(),
            &pair,
            &copied_rsa(),
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
