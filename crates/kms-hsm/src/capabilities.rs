//! What a token can do, found by its list of mechanisms and by trying.

use kms_core::wrapping::WrappingAlgorithm;

use crate::mechanism::{OaepHash, scheme_of};

/// How the RSA part of wrapped material is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RsaUnwrap {
    /// `C_UnwrapKey` with `CKM_RSA_PKCS_OAEP`: what was wrapped never leaves the token.
    InToken,
    /// `C_Decrypt` with `CKM_RSA_X_509` and the OAEP padding removed by the process: what was wrapped is in a zeroizing
    /// buffer for the time of one call.
    RawDecryption,
}

/// What the self-test found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capabilities {
    /// `C_GetMechanismList`, as numbers of `CKM_…`.
    pub mechanisms: Vec<u64>,
    /// How OAEP with SHA-1 is opened, if at all.
    pub oaep_sha1: Option<RsaUnwrap>,
    /// How OAEP with SHA-256 is opened, if at all.
    pub oaep_sha256: Option<RsaUnwrap>,
    /// Whether raw RSA decryption works, which is the fall-back of all others.
    pub raw_rsa: bool,
    /// Whether `CKM_AES_KEY_WRAP_PAD` unwraps RFC 5649; else the process does it.
    pub key_wrap_pad: bool,
}

impl Capabilities {
    /// How the RSA part of an algorithm is opened on this token; none if it is not served.
    pub fn unwrap_path(&self, algorithm: WrappingAlgorithm) -> Option<RsaUnwrap> {
        let scheme = scheme_of(algorithm)?;
        if scheme.kwp_follows && !self.key_wrap_pad {
            // KWP in the process needs the ephemeral key in the process.
            return self.raw_rsa.then_some(RsaUnwrap::RawDecryption);
        }
        match scheme.hash {
            OaepHash::Sha1 => self.oaep_sha1,
            OaepHash::Sha256 => self.oaep_sha256,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kwp_in_the_process_forces_the_raw_path() {
        let able = Capabilities {
            mechanisms: Vec::new(),
            oaep_sha1: Some(RsaUnwrap::InToken),
            oaep_sha256: Some(RsaUnwrap::RawDecryption),
            raw_rsa: true,
            key_wrap_pad: true,
        };
        assert_eq!(able.unwrap_path(WrappingAlgorithm::RsaAesKeyWrapSha1), Some(RsaUnwrap::InToken));
        let without = Capabilities { key_wrap_pad: false, ..able.clone() };
        assert_eq!(without.unwrap_path(WrappingAlgorithm::RsaAesKeyWrapSha1), Some(RsaUnwrap::RawDecryption));
        let neither = Capabilities { raw_rsa: false, ..without };
        assert_eq!(neither.unwrap_path(WrappingAlgorithm::RsaAesKeyWrapSha1), None);
        assert_eq!(able.unwrap_path(WrappingAlgorithm::RsaesPkcs1V15), None);
    }
}
