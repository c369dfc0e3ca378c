//! Wrapping algorithms of imported material and which key specs they may carry. Source: key-states.md 5.6, evidence.md 1.

use crate::key_spec::{KeySpec, WrappingKeySpec};

/// A value of the model's `AlgorithmSpec`, all six of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum WrappingAlgorithm {
    /// RSAES_PKCS1_V1_5, refused since 2023-10-10.
    RsaesPkcs1V15,
    /// RSAES_OAEP_SHA_1: OAEP, MGF1 and label hash SHA-1, empty label.
    RsaesOaepSha1,
    /// RSAES_OAEP_SHA_256.
    RsaesOaepSha256,
    /// RSA_AES_KEY_WRAP_SHA_1: OAEP-SHA-1 of an AES-256 key, then AES-KWP of the material.
    RsaAesKeyWrapSha1,
    /// RSA_AES_KEY_WRAP_SHA_256.
    RsaAesKeyWrapSha256,
    /// SM2PKE, China regions only.
    Sm2Pke,
}

impl WrappingAlgorithm {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RsaesPkcs1V15 => "RSAES_PKCS1_V1_5",
            Self::RsaesOaepSha1 => "RSAES_OAEP_SHA_1",
            Self::RsaesOaepSha256 => "RSAES_OAEP_SHA_256",
            Self::RsaAesKeyWrapSha1 => "RSA_AES_KEY_WRAP_SHA_1",
            Self::RsaAesKeyWrapSha256 => "RSA_AES_KEY_WRAP_SHA_256",
            Self::Sm2Pke => "SM2PKE",
        }
    }

    /// All values.
    pub const ALL: [Self; 6] = [
        Self::RsaesPkcs1V15,
        Self::RsaesOaepSha1,
        Self::RsaesOaepSha256,
        Self::RsaAesKeyWrapSha1,
        Self::RsaAesKeyWrapSha256,
        Self::Sm2Pke,
    ];

    /// The algorithm of a wire name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Whether KMS takes material of a key spec wrapped in this way under a wrapping key of this size.
    pub fn may_import(self, key_spec: KeySpec, wrapping: WrappingKeySpec) -> bool {
        use KeySpec::{EccNistP521, Rsa2048, Rsa3072, Rsa4096};
        let is_rsa = matches!(key_spec, Rsa2048 | Rsa3072 | Rsa4096);
        if wrapping == WrappingKeySpec::Sm2 {
            return false;
        }
        match self {
            Self::RsaesPkcs1V15 | Self::Sm2Pke => false,
            Self::RsaesOaepSha1 | Self::RsaesOaepSha256 => match key_spec {
                EccNistP521 => wrapping != WrappingKeySpec::Rsa2048,
                // Of importing post-quantum keys nothing is documented.
                _ => !key_spec.is_key_pair() || key_spec.is_elliptic(),
            },
            Self::RsaAesKeyWrapSha1 | Self::RsaAesKeyWrapSha256 => is_rsa || key_spec.is_elliptic(),
        }
    }

    /// Whether a ciphertext of this length can have come from this algorithm.
    pub fn fits_length(self, wrapping: WrappingKeySpec, length: usize) -> bool {
        match self {
            Self::RsaAesKeyWrapSha1 | Self::RsaAesKeyWrapSha256 => {
                length > wrapping.modulus_bytes() && (length - wrapping.modulus_bytes()).is_multiple_of(8)
            }
            _ => length == wrapping.modulus_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symmetric_material_comes_by_oaep_alone() {
        for algorithm in WrappingAlgorithm::ALL {
            let wanted = matches!(algorithm, WrappingAlgorithm::RsaesOaepSha1 | WrappingAlgorithm::RsaesOaepSha256);
            for wrapping in [WrappingKeySpec::Rsa2048, WrappingKeySpec::Rsa3072, WrappingKeySpec::Rsa4096] {
                assert_eq!(algorithm.may_import(KeySpec::SymmetricDefault, wrapping), wanted);
            }
        }
    }

    #[test]
    fn post_quantum_keys_and_those_of_china_come_in_no_way() {
        for algorithm in WrappingAlgorithm::ALL {
            let imported = |spec: &&KeySpec| algorithm.may_import(**spec, WrappingKeySpec::Rsa4096);
            let foreign = |spec: &KeySpec| {
                matches!(
                    spec,
                    KeySpec::MlDsa44
                        | KeySpec::MlDsa65
                        | KeySpec::MlDsa87
                        | KeySpec::MlKem512
                        | KeySpec::MlKem768
                        | KeySpec::MlKem1024
                        | KeySpec::Sm2
                )
            };
            assert!(!KeySpec::ALL.iter().filter(imported).any(foreign), "{algorithm:?}");
        }
    }

    #[test]
    fn names_come_back() {
        for algorithm in WrappingAlgorithm::ALL {
            assert_eq!(WrappingAlgorithm::parse(algorithm.name()), Some(algorithm));
        }
    }
}
