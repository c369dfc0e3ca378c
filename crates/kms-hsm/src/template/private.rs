//! Templates of key pairs. The public half is a session object that can do nothing: only its numbers are read.

use cryptoki::object::{Attribute, KeyType, ObjectClass};
use kms_core::hsm::TokenObject;

use super::{Template, Usage};
use crate::curve::Curve;
use crate::key_form::Powers;
use crate::lattice::Lattice;

/// The public half of an RSA pair.
pub(crate) fn public_rsa(modulus_bits: u64) -> Vec<Attribute> {
    let mut template = public_flags();
    template.extend([Attribute::ModulusBits(modulus_bits.into()), Attribute::PublicExponent(vec![1, 0, 1])]);
    template
}

/// The public half of a pair on a curve.
pub(crate) fn public_curve(curve: &Curve) -> Vec<Attribute> {
    let mut template = public_flags();
    template.push(Attribute::EcParams(curve.params.to_vec()));
    template
}

/// The public half of a pair of ML-DSA or ML-KEM.
pub(crate) fn public_lattice(lattice: Lattice) -> Vec<Attribute> {
    let mut template = public_flags();
    template.extend([Attribute::Encapsulate(false), Attribute::ParameterSet(lattice.parameter_set())]);
    template
}

/// The private half that becomes a token object, for `C_GenerateKeyPair`. As a session object (`token` false) it stays
/// copyable and modifiable for the moment until [`copied`] copies it.
pub(crate) fn generated(object: &TokenObject, powers: &Powers, token: bool) -> Vec<Attribute> {
    let mut template = flags(|usage| usage == powers.usage, token, Some(object));
    template.extend([Attribute::AllowedMechanisms(powers.allowed.clone()), Attribute::Destroyable(true)]);
    if token {
        template.extend([Attribute::Copyable(false), Attribute::Modifiable(false)]);
    }
    template
}

/// What `C_CopyObject` may still say: SoftHSM refuses `CKA_COPYABLE` and `CKA_ALLOWED_MECHANISMS` here.
pub(crate) fn copied() -> [Attribute; 2] {
    [Attribute::Token(true), Attribute::Modifiable(false)]
}

/// A private key from outside, for `C_UnwrapKey` and, with its numbers, `C_CreateObject`: the token object itself, or a
/// session object with the same powers to try the material with.
pub(crate) fn imported(key_type: KeyType, powers: &Powers, object: Option<&TokenObject>) -> Template {
    let mut template = vec![Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::KeyType(key_type)];
    template.extend(flags(|usage| usage == powers.usage, object.is_some(), object));
    template.extend([
        Attribute::AllowedMechanisms(powers.allowed.clone()),
        Attribute::Destroyable(true),
        Attribute::Copyable(false),
        Attribute::Modifiable(false),
    ]);
    Template(template)
}

/// The private half of a pair of the self-test: a session object of no worth that may do all that is to be tested.
/// It may be wrapped, to learn whether the token unwraps what it wrapped.
pub(crate) fn trial(usages: &[Usage]) -> Vec<Attribute> {
    let mut template = flags(|usage| usages.contains(&usage), false, None);
    for attribute in &mut template {
        if let Attribute::Extractable(extractable) = attribute {
            *extractable = true;
        }
    }
    template
}

fn public_flags() -> Vec<Attribute> {
    vec![
        Attribute::Token(false),
        Attribute::Private(false),
        Attribute::Encrypt(false),
        Attribute::Verify(false),
        Attribute::VerifyRecover(false),
        Attribute::Wrap(false),
        Attribute::Derive(false),
    ]
}

fn flags(may: impl Fn(Usage) -> bool, token: bool, object: Option<&TokenObject>) -> Vec<Attribute> {
    let mut template = vec![Attribute::Token(token), Attribute::Private(true)];
    // Identity before the rest, as for secrets: a torn object then has its id.
    if let Some(object) = object {
        template.push(Attribute::Id(object.id.as_bytes().to_vec()));
        template.push(Attribute::Label(object.label.as_bytes().to_vec()));
    }
    template.extend([
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Decrypt(may(Usage::Decrypt)),
        Attribute::Sign(may(Usage::Sign)),
        Attribute::SignRecover(false),
        Attribute::Unwrap(may(Usage::Unwrap)),
        Attribute::Derive(may(Usage::Derive)),
    ]);
    // Tokens before PKCS#11 3.2 refuse the flag, and it means nothing on keys of other algorithms.
    template.extend(may(Usage::Decapsulate).then_some(Attribute::Decapsulate(true)));
    template
}
