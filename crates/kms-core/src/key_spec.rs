//! Key specs, usages, origins and algorithms. Source: key-specs.md 1.

wire_enum! {
    /// The kind of a KMS key (`KeySpec`).
    KeySpec {
        SymmetricDefault = "SYMMETRIC_DEFAULT",
        Hmac224 = "HMAC_224",
        Hmac256 = "HMAC_256",
        Hmac384 = "HMAC_384",
        Hmac512 = "HMAC_512",
        Rsa2048 = "RSA_2048",
        Rsa3072 = "RSA_3072",
        Rsa4096 = "RSA_4096",
        EccNistP256 = "ECC_NIST_P256",
        EccNistP384 = "ECC_NIST_P384",
        EccNistP521 = "ECC_NIST_P521",
        EccSecgP256K1 = "ECC_SECG_P256K1",
        EccNistEdwards25519 = "ECC_NIST_EDWARDS25519",
        MlDsa44 = "ML_DSA_44",
        MlDsa65 = "ML_DSA_65",
        MlDsa87 = "ML_DSA_87",
        MlKem512 = "ML_KEM_512",
        MlKem768 = "ML_KEM_768",
        MlKem1024 = "ML_KEM_1024",
        Sm2 = "SM2",
    }
}

wire_enum! {
    /// What a KMS key may be used for (`KeyUsage`).
    KeyUsage {
        EncryptDecrypt = "ENCRYPT_DECRYPT",
        SignVerify = "SIGN_VERIFY",
        GenerateVerifyMac = "GENERATE_VERIFY_MAC",
        KeyAgreement = "KEY_AGREEMENT",
        EncapsulateDecapsulate = "ENCAPSULATE_DECAPSULATE",
    }
}

wire_enum! {
    /// Where the material of a key comes from (`Origin`).
    Origin {
        AwsKms = "AWS_KMS",
        External = "EXTERNAL",
        AwsCloudHsm = "AWS_CLOUDHSM",
        ExternalKeyStore = "EXTERNAL_KEY_STORE",
    }
}

wire_enum! {
    /// The size of a wrapping key (`WrappingKeySpec`).
    WrappingKeySpec {
        Rsa2048 = "RSA_2048",
        Rsa3072 = "RSA_3072",
        Rsa4096 = "RSA_4096",
        Sm2 = "SM2",
    }
}

wire_enum! {
    /// Whether imported material expires (`ExpirationModel`).
    ExpirationModel {
        Expires = "KEY_MATERIAL_EXPIRES",
        DoesNotExpire = "KEY_MATERIAL_DOES_NOT_EXPIRE",
    }
}

wire_enum! {
    /// The place of a material among the materials of its key (`KeyMaterialState`).
    MaterialState {
        Current = "CURRENT",
        NonCurrent = "NON_CURRENT",
        PendingRotation = "PENDING_ROTATION",
        PendingMultiRegion = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION",
    }
}

impl KeySpec {
    /// Whether the spec is an elliptic-curve one.
    pub const fn is_elliptic(self) -> bool {
        matches!(
            self,
            Self::EccNistP256 | Self::EccNistP384 | Self::EccNistP521 | Self::EccSecgP256K1 | Self::EccNistEdwards25519
        )
    }

    /// Whether a key of this spec may have this usage. Source: key-specs.md 1.
    pub const fn allows(self, usage: KeyUsage) -> bool {
        use KeyUsage::{EncapsulateDecapsulate, EncryptDecrypt, GenerateVerifyMac, KeyAgreement, SignVerify};
        match self {
            Self::SymmetricDefault => matches!(usage, EncryptDecrypt),
            Self::Hmac224 | Self::Hmac256 | Self::Hmac384 | Self::Hmac512 => matches!(usage, GenerateVerifyMac),
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => matches!(usage, EncryptDecrypt | SignVerify),
            Self::EccNistP256 | Self::EccNistP384 | Self::EccNistP521 => matches!(usage, SignVerify | KeyAgreement),
            Self::EccSecgP256K1 | Self::EccNistEdwards25519 => matches!(usage, SignVerify),
            Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => matches!(usage, SignVerify),
            Self::MlKem512 | Self::MlKem768 | Self::MlKem1024 => matches!(usage, EncapsulateDecapsulate),
            Self::Sm2 => matches!(usage, EncryptDecrypt | SignVerify | KeyAgreement),
        }
    }
}

impl WrappingKeySpec {
    /// Length of the modulus in bytes; SM2 has none and gives 0.
    pub const fn modulus_bytes(self) -> usize {
        match self {
            Self::Rsa2048 => 256,
            Self::Rsa3072 => 384,
            Self::Rsa4096 => 512,
            Self::Sm2 => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_twenty_specs_and_each_has_a_usage() {
        assert_eq!(KeySpec::ALL.len(), 20);
        for spec in KeySpec::ALL {
            assert!(KeyUsage::ALL.iter().any(|usage| spec.allows(*usage)), "{spec}");
            assert_eq!(KeySpec::parse(spec.name()), Some(*spec));
        }
    }
}
