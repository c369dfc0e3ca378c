//! Points recovered from signatures.

use ecdsa::signature::hazmat::PrehashSigner;
use ecdsa::{Signature, SigningKey};
use kms_keypair::{EcCurve, ecdsa_recover_point, recovery_candidates};

use crate::support::{random, signing_key};

macro_rules! recovers {
    ($name:ident, $curve:ty, $ec_curve:expr, $digest_bytes:expr) => {
        #[test]
        fn $name() {
            let curve = $ec_curve;
            for _ in 0..40 {
                let signer: SigningKey<$curve> = signing_key(curve.field_bytes());
                let point = signer.verifying_key().to_sec1_point(false);
                let digests = [random($digest_bytes), random($digest_bytes)];
                let sign = |digest: &[u8]| -> Vec<u8> {
                    let signature: Signature<$curve> = signer.sign_prehash(digest).unwrap();
                    signature.to_bytes().to_vec()
                };
                let [first, second] = [sign(&digests[0]), sign(&digests[1])];
                assert!(recovery_candidates(curve, (&digests[0], &first)).contains(&point.as_bytes().to_vec()));
                let found = ecdsa_recover_point(curve, (&digests[0], &first), (&digests[1], &second)).unwrap();
                assert_eq!(found.raw(), point.as_bytes());

                let swapped = ecdsa_recover_point(curve, (&digests[1], &first), (&digests[0], &second));
                assert_eq!(swapped, None, "signatures of other digests");
                let same = ecdsa_recover_point(curve, (&digests[0], &first), (&digests[0], &first));
                assert_eq!(same, None, "one signature twice proves nothing");
                let short = ecdsa_recover_point(curve, (&digests[0], &first[1..]), (&digests[1], &second));
                assert_eq!(short, None);
            }
        }
    };
}

recovers!(a_p256_key_is_found, p256::NistP256, EcCurve::P256, 32);
recovers!(a_p384_key_is_found, p384::NistP384, EcCurve::P384, 48);
recovers!(a_p521_key_is_found, p521::NistP521, EcCurve::P521, 64);
recovers!(a_secp256k1_key_is_found, k256::Secp256k1, EcCurve::Secp256k1, 32);
