//! Algorithms of cryptographic operations and which keys have them. Source: key-specs.md 1, 3 and 6.

use crate::key_spec::{KeySpec, KeyUsage};

wire_enum! {
    /// How a key encrypts (`EncryptionAlgorithmSpec`).
    EncryptionAlgorithm {
        SymmetricDefault = "SYMMETRIC_DEFAULT",
        RsaesOaepSha1 = "RSAES_OAEP_SHA_1",
        RsaesOaepSha256 = "RSAES_OAEP_SHA_256",
        Sm2Pke = "SM2PKE",
    }
}

wire_enum! {
    /// How a key signs (`SigningAlgorithmSpec`).
    SigningAlgorithm {
        RsassaPssSha256 = "RSASSA_PSS_SHA_256",
        RsassaPssSha384 = "RSASSA_PSS_SHA_384",
        RsassaPssSha512 = "RSASSA_PSS_SHA_512",
        RsassaPkcs1V15Sha256 = "RSASSA_PKCS1_V1_5_SHA_256",
        RsassaPkcs1V15Sha384 = "RSASSA_PKCS1_V1_5_SHA_384",
        RsassaPkcs1V15Sha512 = "RSASSA_PKCS1_V1_5_SHA_512",
        EcdsaSha256 = "ECDSA_SHA_256",
        EcdsaSha384 = "ECDSA_SHA_384",
        EcdsaSha512 = "ECDSA_SHA_512",
        Ed25519Sha512 = "ED25519_SHA_512",
        Ed25519PhSha512 = "ED25519_PH_SHA_512",
        Sm2Dsa = "SM2DSA",
        MlDsaShake256 = "ML_DSA_SHAKE_256",
    }
}

wire_enum! {
    /// How a key authenticates (`MacAlgorithmSpec`).
    MacAlgorithm {
        HmacSha224 = "HMAC_SHA_224",
        HmacSha256 = "HMAC_SHA_256",
        HmacSha384 = "HMAC_SHA_384",
        HmacSha512 = "HMAC_SHA_512",
    }
}

wire_enum! {
    /// How a key agrees on a secret (`KeyAgreementAlgorithmSpec`).
    KeyAgreementAlgorithm {
        Ecdh = "ECDH",
    }
}

wire_enum! {
    /// How a key encapsulates a secret (`EncapsulationAlgorithmSpec`).
    EncapsulationAlgorithm {
        MlKem = "ML_KEM",
    }
}

wire_enum! {
    /// What the message of a signature is (`MessageType`).
    MessageType {
        Raw = "RAW",
        Digest = "DIGEST",
        ExternalMu = "EXTERNAL_MU",
    }
}

wire_enum! {
    /// The kind of a data key pair (`DataKeyPairSpec`).
    DataKeyPairSpec {
        Rsa2048 = "RSA_2048",
        Rsa3072 = "RSA_3072",
        Rsa4096 = "RSA_4096",
        EccNistP256 = "ECC_NIST_P256",
        EccNistP384 = "ECC_NIST_P384",
        EccNistP521 = "ECC_NIST_P521",
        EccSecgP256K1 = "ECC_SECG_P256K1",
        Sm2 = "SM2",
        EccNistEdwards25519 = "ECC_NIST_EDWARDS25519",
        MlKem512 = "ML_KEM_512",
        MlKem768 = "ML_KEM_768",
        MlKem1024 = "ML_KEM_1024",
    }
}

impl KeySpec {
    /// The encryption algorithms of a key with this spec and usage, in the order of its metadata.
    pub const fn encryption_algorithms(self, usage: KeyUsage) -> &'static [EncryptionAlgorithm] {
        use EncryptionAlgorithm::{RsaesOaepSha1, RsaesOaepSha256, Sm2Pke, SymmetricDefault};
        match (self, usage) {
            (Self::SymmetricDefault, KeyUsage::EncryptDecrypt) => &[SymmetricDefault],
            (Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096, KeyUsage::EncryptDecrypt) => {
                &[RsaesOaepSha1, RsaesOaepSha256]
            }
            (Self::Sm2, KeyUsage::EncryptDecrypt) => &[Sm2Pke],
            _ => &[],
        }
    }

    /// The signing algorithms of a key with this spec and usage, in the order of its metadata.
    pub const fn signing_algorithms(self, usage: KeyUsage) -> &'static [SigningAlgorithm] {
        use SigningAlgorithm as A;
        if !matches!(usage, KeyUsage::SignVerify) {
            return &[];
        }
        match self {
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => &[
                A::RsassaPkcs1V15Sha256,
                A::RsassaPkcs1V15Sha384,
                A::RsassaPkcs1V15Sha512,
                A::RsassaPssSha256,
                A::RsassaPssSha384,
                A::RsassaPssSha512,
            ],
            Self::EccNistP256 | Self::EccSecgP256K1 => &[A::EcdsaSha256],
            Self::EccNistP384 => &[A::EcdsaSha384],
            Self::EccNistP521 => &[A::EcdsaSha512],
            Self::EccNistEdwards25519 => &[A::Ed25519Sha512, A::Ed25519PhSha512],
            Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => &[A::MlDsaShake256],
            Self::Sm2 => &[A::Sm2Dsa],
            _ => &[],
        }
    }

    /// The MAC algorithm of a key with this spec.
    pub const fn mac_algorithm(self) -> Option<MacAlgorithm> {
        match self {
            Self::Hmac224 => Some(MacAlgorithm::HmacSha224),
            Self::Hmac256 => Some(MacAlgorithm::HmacSha256),
            Self::Hmac384 => Some(MacAlgorithm::HmacSha384),
            Self::Hmac512 => Some(MacAlgorithm::HmacSha512),
            _ => None,
        }
    }

    /// Whether keys of this spec are pairs with a public half.
    pub const fn is_key_pair(self) -> bool {
        !matches!(self, Self::SymmetricDefault) && self.mac_algorithm().is_none()
    }
}

impl DataKeyPairSpec {
    /// The spec of the KMS keys that have the same kind of pair.
    pub const fn key_spec(self) -> KeySpec {
        match self {
            Self::Rsa2048 => KeySpec::Rsa2048,
            Self::Rsa3072 => KeySpec::Rsa3072,
            Self::Rsa4096 => KeySpec::Rsa4096,
            Self::EccNistP256 => KeySpec::EccNistP256,
            Self::EccNistP384 => KeySpec::EccNistP384,
            Self::EccNistP521 => KeySpec::EccNistP521,
            Self::EccSecgP256K1 => KeySpec::EccSecgP256K1,
            Self::Sm2 => KeySpec::Sm2,
            Self::EccNistEdwards25519 => KeySpec::EccNistEdwards25519,
            Self::MlKem512 => KeySpec::MlKem512,
            Self::MlKem768 => KeySpec::MlKem768,
            Self::MlKem1024 => KeySpec::MlKem1024,
        }
    }
}

impl MacAlgorithm {
    /// Length in bytes of its tag, and the least length of its keys.
    pub const fn tag_bytes(self) -> usize {
        match self {
            Self::HmacSha224 => 28,
            Self::HmacSha256 => 32,
            Self::HmacSha384 => 48,
            Self::HmacSha512 => 64,
        }
    }
}

impl SigningAlgorithm {
    /// Length in bytes of the digest that stands for a message (`MessageType` DIGEST); none where no digest may.
    pub const fn digest_bytes(self) -> Option<usize> {
        match self {
            Self::RsassaPssSha256 | Self::RsassaPkcs1V15Sha256 | Self::EcdsaSha256 | Self::Sm2Dsa => Some(32),
            Self::RsassaPssSha384 | Self::RsassaPkcs1V15Sha384 | Self::EcdsaSha384 => Some(48),
            Self::RsassaPssSha512 | Self::RsassaPkcs1V15Sha512 | Self::EcdsaSha512 | Self::Ed25519PhSha512 => Some(64),
            Self::Ed25519Sha512 | Self::MlDsaShake256 => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_key_pair_has_the_name_of_its_key_spec() {
        assert!(DataKeyPairSpec::ALL.iter().all(|spec| spec.name() == spec.key_spec().name()));
    }

    #[test]
    fn a_key_has_algorithms_of_its_usage_and_of_no_other() {
        for spec in KeySpec::ALL {
            for usage in KeyUsage::ALL {
                let (encrypts, signs) = (spec.encryption_algorithms(*usage), spec.signing_algorithms(*usage));
                let wanted = |name| spec.allows(*usage) && *usage == name;
                assert_eq!(!encrypts.is_empty(), wanted(KeyUsage::EncryptDecrypt), "{spec} {usage}");
                assert_eq!(!signs.is_empty(), wanted(KeyUsage::SignVerify), "{spec} {usage}");
            }
            assert_eq!(spec.mac_algorithm().is_some(), spec.allows(KeyUsage::GenerateVerifyMac), "{spec}");
        }
        assert_eq!(KeySpec::ALL.iter().filter(|spec| spec.is_key_pair()).count(), 15);
    }
}
