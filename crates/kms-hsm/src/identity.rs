//! Which material an object holds, from one use of it (cryptography.md 2 and 6).

use cryptoki::object::{ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use kms_core::HsmError;
use kms_core::algorithm::SigningAlgorithm;
use kms_core::hsm::{Identity, KeyKind, TokenObject};
use kms_core::key_spec::KeyUsage;
use kms_core::material_id::{fingerprint_input, fingerprint_input_of};
use kms_core::secret::SecretBytes;

use crate::curve::curve_of;
use crate::mechanism::OaepHash;
use crate::token::Token;
use crate::{agreement, decapsulation, decryption, outside, signing, torn};

/// What a pair signs or decrypts to prove itself; it is no secret, and as long as any digest.
const PROOF: [u8; 64] = [0x5a; 64];

impl Token {
    /// See [`kms_core::Hsm::identify`].
    pub(crate) fn identify_object(
        &self,
        object: &TokenObject,
        kind: KeyKind,
        public_key: Option<&[u8]>,
    ) -> Result<Identity, HsmError> {
        if kind.spec.is_key_pair() {
            let der = public_key.ok_or(HsmError::ObjectMismatch)?;
            if self.belongs_to(object, kind, der)? {
                return Ok(Identity::PublicKey(der.to_vec()));
            }
            return Err(HsmError::ObjectMismatch);
        }
        match kind.spec.mac_algorithm() {
            Some(algorithm) => self.hmac_with(object, algorithm, &fingerprint_input_of(kind.spec)).map(Identity::Mac),
            None => {
                let mac = kms_core::Hsm::mac(self, object, &fingerprint_input())?;
                Ok(Identity::Mac(SecretBytes::new(mac.expose().to_vec())))
            }
        }
    }

    /// Uses a new pair once, found anew in the token: on a full disk SoftHSM answers `CKR_OK` to `C_CopyObject` and
    /// leaves an object file with nothing in it.
    ///
    /// # Errors
    /// [`HsmError::Unavailable`] if it is not the pair that was made.
    pub(crate) fn prove_pair(&self, object: &TokenObject, kind: KeyKind, der: &[u8]) -> Result<(), HsmError> {
        self.handles.forget(object.id);
        match self.belongs_to(object, kind, der) {
            Ok(true) => Ok(()),
            Ok(false) => Err(HsmError::Unavailable("a new pair: its halves do not fit".to_owned())),
            Err(HsmError::TokenUnknown) => Err(HsmError::TokenUnknown),
            Err(error) => Err(HsmError::Unavailable(format!("a new pair: {error}"))),
        }
    }

    fn belongs_to(&self, object: &TokenObject, kind: KeyKind, der: &[u8]) -> Result<bool, HsmError> {
        match kind.usage {
            KeyUsage::SignVerify => {
                let algorithm = proof_algorithm(kind).ok_or(HsmError::Unsupported("this key spec"))?;
                self.with_object(object, ObjectClass::PRIVATE_KEY, |session, handle| {
                    Ok(signs(session, handle, kind, algorithm, der)?)
                })
            }
            KeyUsage::EncryptDecrypt => self.decrypts(object, kind, der),
            KeyUsage::KeyAgreement => self.agrees(object, kind, der),
            KeyUsage::EncapsulateDecapsulate => self.decapsulates(object, kind, der),
            KeyUsage::GenerateVerifyMac => Err(HsmError::Unsupported("this key spec")),
        }
    }

    fn decrypts(&self, object: &TokenObject, kind: KeyKind, der: &[u8]) -> Result<bool, HsmError> {
        let paths = [OaepHash::Sha256, OaepHash::Sha1].map(|hash| Some(hash).zip(self.capabilities.oaep(hash)));
        let (hash, path) = paths.into_iter().flatten().next().ok_or(HsmError::Unsupported("OAEP"))?;
        let Some(ciphertext) = outside::oaep_encrypt(kind.spec, der, hash, &PROOF) else { return Ok(false) };
        self.with_object(object, ObjectClass::PRIVATE_KEY, |session, handle| {
            let plaintext = decryption::decrypt(session, handle, hash, path, &ciphertext)?;
            Ok(plaintext.is_some_and(|plaintext| plaintext.expose() == PROOF))
        })
    }

    fn agrees(&self, object: &TokenObject, kind: KeyKind, der: &[u8]) -> Result<bool, HsmError> {
        let curve = curve_of(kind.spec).ok_or(HsmError::Unsupported("this key spec"))?;
        let Some((peer, secret)) = outside::counterpart(kind.spec, der) else { return Ok(false) };
        let _session_objects = torn::session_objects();
        self.with_object(object, ObjectClass::PRIVATE_KEY, |session, handle| {
            Ok(agreement::agree(session, handle, curve, &peer)? == secret)
        })
    }

    fn decapsulates(&self, object: &TokenObject, kind: KeyKind, der: &[u8]) -> Result<bool, HsmError> {
        let Some((ciphertext, secret)) = outside::encapsulated(kind.spec, der) else { return Ok(false) };
        let _session_objects = torn::session_objects();
        self.with_object(object, ObjectClass::PRIVATE_KEY, |session, handle| {
            Ok(decapsulation::decapsulate(session, handle, &ciphertext)? == secret)
        })
    }
}

/// The algorithm that a pair proves itself with, whatever it will sign with.
pub(crate) fn proof_algorithm(kind: KeyKind) -> Option<SigningAlgorithm> {
    kind.spec.signing_algorithms(KeyUsage::SignVerify).first().copied()
}

/// Whether one signature of the private half verifies under the public one.
///
/// # Errors
/// The return code of the call that failed.
pub(crate) fn signs(
    session: &Session,
    key: ObjectHandle,
    kind: KeyKind,
    algorithm: SigningAlgorithm,
    der: &[u8],
) -> cryptoki::error::Result<bool> {
    let input = &PROOF[..algorithm.digest_bytes().unwrap_or(PROOF.len())];
    let signature = signing::sign(session, key, algorithm, input)?;
    Ok(outside::verifies(kind.spec, der, algorithm, input, &signature))
}
