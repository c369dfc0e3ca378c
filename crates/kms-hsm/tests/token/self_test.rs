//! What the self-test finds on SoftHSM 2.6.1 (hsm-facts 1).

use kms_hsm::{Kwp, RsaUnwrap, Token};

use crate::place::own_process;

#[test]
fn the_self_test_finds_what_softhsm_can_do() {
    own_process(|place| {
        let token = Token::open(place.config()).unwrap();
        let capabilities = token.capabilities();
        assert_eq!(capabilities.oaep_sha1, Some(RsaUnwrap::InToken));
        assert_eq!(capabilities.oaep_sha256, Some(RsaUnwrap::RawDecryption));
        assert_eq!(capabilities.kwp, Some(Kwp::KeyWrapPad));
        assert!(capabilities.raw_rsa);
        assert_eq!(token.identity().quirks, "SoftHSM");
    });
}
