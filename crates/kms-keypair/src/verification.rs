//! Verifies signatures with public keys. Source: key-specs.md 3.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{self, VerificationAlgorithm};
use kms_core::algorithm::SigningAlgorithm;
use kms_core::key_spec::KeySpec;
use ml_dsa::{MlDsa44, MlDsa65, MlDsa87, MlDsaParams};
use sha2::Digest as _;

use crate::curve::EcCurve;
use crate::public_key::{Parsed, PublicKey};
use crate::sign_input::SignInput;

/// The signature is not one of this message by this key: wrong, malformed or of a wrong length, all the same to the client
/// (`KMSInvalidSignatureException`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

impl PublicKey {
    /// Verifies a signature: PKCS #1 octets for RSA (PSS with a salt as long as the hash), DER for ECDSA (a high `s` is as
    /// good as a low one), 64 bytes for Ed25519, FIPS 204 with the empty context for ML-DSA. Ed25519ph hashes the 64 bytes it
    /// is given once more, as its definition says of any message.
    ///
    /// # Errors
    /// [`BadSignature`]; also if the key has no such algorithm or the algorithm takes no such input, which the caller has
    /// checked before ([`SignInput::new`]) to give better answers.
    pub fn verify(
        &self,
        algorithm: SigningAlgorithm,
        input: &SignInput<'_>,
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        use SigningAlgorithm as A;
        let verified = match (&self.parsed, algorithm) {
            (Parsed::Rsa(forms), _) => rsa(algorithm).and_then(|(index, parameters, hash)| {
                let key = forms.verifying(index, parameters, self.spki())?;
                key.verify_digest_sig(&digest(hash, input)?, signature).ok()
            }),
            (Parsed::Ecdsa(key), A::EcdsaSha256 | A::EcdsaSha384 | A::EcdsaSha512) => ecdsa(self.spec(), algorithm)
                .and_then(|hash| key.verify_digest_sig(&digest(hash, input)?, signature).ok()),
            (Parsed::Ed25519 { pure, .. }, A::Ed25519Sha512) => match input {
                SignInput::Raw(message) => pure.verify_sig(message, signature).ok(),
                _ => None,
            },
            (Parsed::Ed25519 { prehashed, .. }, A::Ed25519PhSha512) => ed25519_ph(prehashed, input, signature),
            (Parsed::MlDsa(key), A::MlDsaShake256) => match input {
                SignInput::Raw(message) => key.verify_sig(message, signature).ok(),
                SignInput::ExternalMu(mu) => ml_dsa_mu(self, mu, signature),
                SignInput::Digest(_) => None,
            },
            _ => None,
        };
        verified.ok_or(BadSignature)
    }
}

/// The place of an RSA algorithm among the six, its parameters and its hash. The library verifies PSS with a salt length equal
/// to the hash's and no other.
fn rsa(algorithm: SigningAlgorithm) -> Option<(usize, &'static dyn VerificationAlgorithm, &'static digest::Algorithm)> {
    use SigningAlgorithm as A;
    Some(match algorithm {
        A::RsassaPkcs1V15Sha256 => (0, &signature::RSA_PKCS1_2048_8192_SHA256, &digest::SHA256),
        A::RsassaPkcs1V15Sha384 => (1, &signature::RSA_PKCS1_2048_8192_SHA384, &digest::SHA384),
        A::RsassaPkcs1V15Sha512 => (2, &signature::RSA_PKCS1_2048_8192_SHA512, &digest::SHA512),
        A::RsassaPssSha256 => (3, &signature::RSA_PSS_2048_8192_SHA256, &digest::SHA256),
        A::RsassaPssSha384 => (4, &signature::RSA_PSS_2048_8192_SHA384, &digest::SHA384),
        A::RsassaPssSha512 => (5, &signature::RSA_PSS_2048_8192_SHA512, &digest::SHA512),
        _ => return None,
    })
}

/// The hash of an ECDSA key, if the algorithm is the one of its curve.
fn ecdsa(spec: KeySpec, algorithm: SigningAlgorithm) -> Option<&'static digest::Algorithm> {
    match (EcCurve::of(spec)?, algorithm) {
        (EcCurve::P256 | EcCurve::Secp256k1, SigningAlgorithm::EcdsaSha256) => Some(&digest::SHA256),
        (EcCurve::P384, SigningAlgorithm::EcdsaSha384) => Some(&digest::SHA384),
        (EcCurve::P521, SigningAlgorithm::EcdsaSha512) => Some(&digest::SHA512),
        _ => None,
    }
}

fn digest(hash: &'static digest::Algorithm, input: &SignInput<'_>) -> Option<Digest> {
    match input {
        SignInput::Raw(message) => Some(digest::digest(hash, message)),
        SignInput::Digest(bytes) => Digest::import_less_safe(bytes, hash).ok(),
        SignInput::ExternalMu(_) => None,
    }
}

fn ed25519_ph(key: &ed25519_dalek::VerifyingKey, input: &SignInput<'_>, signature: &[u8]) -> Option<()> {
    let SignInput::Digest(bytes) = input else { return None };
    let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
    key.verify_prehashed(sha2::Sha512::new_with_prefix(bytes), None, &signature).ok()
}

fn ml_dsa_mu(key: &PublicKey, mu: &[u8; 64], signature: &[u8]) -> Option<()> {
    match key.spec() {
        KeySpec::MlDsa44 => ml_dsa_mu_of::<MlDsa44>(key.raw(), mu, signature),
        KeySpec::MlDsa65 => ml_dsa_mu_of::<MlDsa65>(key.raw(), mu, signature),
        KeySpec::MlDsa87 => ml_dsa_mu_of::<MlDsa87>(key.raw(), mu, signature),
        _ => None,
    }
}

/// The key is expanded anew each time: kept, it would be up to 57 KB for what is rarely used.
fn ml_dsa_mu_of<P: MlDsaParams>(raw: &[u8], mu: &[u8; 64], signature: &[u8]) -> Option<()> {
    let key = ml_dsa::VerifyingKey::<P>::decode(&raw.try_into().ok()?);
    let signature = ml_dsa::Signature::<P>::try_from(signature).ok()?;
    key.verify_mu(&(*mu).into(), &signature).then_some(())
}
