//! What a signature is over, and the hashes on the way to it; Sign and Verify share them. Source: key-specs.md 3.

use kms_core::algorithm::{MessageType, SigningAlgorithm};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// Length in bytes of the mu of FIPS 204.
const MU_BYTES: usize = 64;

/// The input of Sign and Verify, of the length that its type and the algorithm ask for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SignInput<'a> {
    /// The message itself.
    Raw(&'a [u8]),
    /// Its digest by the hash of the algorithm.
    Digest(&'a [u8]),
    /// The message representative of ML-DSA, which the client computed.
    ExternalMu(&'a [u8; MU_BYTES]),
}

/// Why a message cannot be the input of an algorithm.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadSignInput {
    /// The algorithm does not go with this type of message.
    #[error("the message type does not go with the algorithm")]
    Incompatible,
    /// A digest has not the length of the algorithm's hash.
    #[error("the digest has the wrong length")]
    DigestLength,
    /// An external mu has not 64 bytes.
    #[error("the external mu has not 64 bytes")]
    MuLength,
}

impl<'a> SignInput<'a> {
    /// Which types and lengths an algorithm takes: digests of the hash's length for RSA, ECDSA and, only they, Ed25519ph;
    /// messages for all but Ed25519ph; mu for ML-DSA. Source: key-specs.md 3, kms-operations.md 6.
    ///
    /// # Errors
    /// [`BadSignInput`] says which rule is broken; the texts of the answers are the caller's.
    pub fn new(
        algorithm: SigningAlgorithm,
        message_type: MessageType,
        message: &'a [u8],
    ) -> Result<Self, BadSignInput> {
        match (message_type, algorithm) {
            (MessageType::Raw, SigningAlgorithm::Ed25519PhSha512) => Err(BadSignInput::Incompatible),
            (MessageType::Raw, _) => Ok(Self::Raw(message)),
            (MessageType::Digest, _) => match algorithm.digest_bytes() {
                None => Err(BadSignInput::Incompatible),
                Some(bytes) if bytes != message.len() => Err(BadSignInput::DigestLength),
                Some(_) => Ok(Self::Digest(message)),
            },
            (MessageType::ExternalMu, SigningAlgorithm::MlDsaShake256) => {
                message.try_into().map(Self::ExternalMu).map_err(|_| BadSignInput::MuLength)
            }
            (MessageType::ExternalMu, _) => Err(BadSignInput::Incompatible),
        }
    }
}

/// The digest of a message by the hash of the algorithm, 32, 48 or 64 bytes. None for the algorithms without one: both kinds
/// of Ed25519 (pure hashes inside, and what Ed25519ph is given is hashed by the client), ML-DSA, and SM2, which is not served.
pub fn digest_of(algorithm: SigningAlgorithm, message: &[u8]) -> Option<Vec<u8>> {
    use SigningAlgorithm as A;
    match algorithm {
        A::RsassaPssSha256 | A::RsassaPkcs1V15Sha256 | A::EcdsaSha256 => Some(Sha256::digest(message).to_vec()),
        A::RsassaPssSha384 | A::RsassaPkcs1V15Sha384 | A::EcdsaSha384 => Some(Sha384::digest(message).to_vec()),
        A::RsassaPssSha512 | A::RsassaPkcs1V15Sha512 | A::EcdsaSha512 => Some(Sha512::digest(message).to_vec()),
        A::Ed25519Sha512 | A::Ed25519PhSha512 | A::Sm2Dsa | A::MlDsaShake256 => None,
    }
}

/// The DER DigestInfo that `CKM_RSA_PKCS` pads and signs. None if the algorithm is not RSASSA-PKCS1-v1_5 or the digest has
/// not its length. Source: RFC 8017 9.2, note 1.
pub fn digest_info(algorithm: SigningAlgorithm, digest: &[u8]) -> Option<Vec<u8>> {
    // The last byte of the hash's object identifier 2.16.840.1.101.3.4.2.n.
    let hash = match algorithm {
        SigningAlgorithm::RsassaPkcs1V15Sha256 => 1,
        SigningAlgorithm::RsassaPkcs1V15Sha384 => 2,
        SigningAlgorithm::RsassaPkcs1V15Sha512 => 3,
        _ => return None,
    };
    let bytes = u8::try_from(digest.len()).ok().filter(|_| algorithm.digest_bytes() == Some(digest.len()))?;
    let mut info = vec![0x30, 17 + bytes, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, hash, 5, 0, 4, bytes];
    info.extend_from_slice(digest);
    Some(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_algorithm_takes_its_types_and_lengths_and_no_others() {
        for algorithm in SigningAlgorithm::ALL.iter().copied() {
            for bytes in [1, 31, 32, 33, 48, 63, 64, 65] {
                let message = vec![7; bytes];
                let of = |message_type| SignInput::new(algorithm, message_type, &message);
                assert_eq!(of(MessageType::Raw).is_ok(), algorithm != SigningAlgorithm::Ed25519PhSha512);
                assert_eq!(of(MessageType::Digest).is_ok(), algorithm.digest_bytes() == Some(bytes));
                let mu = algorithm == SigningAlgorithm::MlDsaShake256 && bytes == 64;
                assert_eq!(of(MessageType::ExternalMu).is_ok(), mu, "{algorithm} {bytes}");
            }
        }
        let digest = |algorithm| SignInput::new(algorithm, MessageType::Digest, &[0; 31]).err();
        assert_eq!(digest(SigningAlgorithm::EcdsaSha256), Some(BadSignInput::DigestLength));
        assert_eq!(digest(SigningAlgorithm::MlDsaShake256), Some(BadSignInput::Incompatible));
    }

    #[test]
    fn a_digest_has_the_length_that_the_algorithm_names() {
        for algorithm in SigningAlgorithm::ALL.iter().copied() {
            let Some(digest) = digest_of(algorithm, b"m") else { continue };
            assert_eq!(Some(digest.len()), algorithm.digest_bytes(), "{algorithm}");
        }
    }
}
