//! A real token for tests of this crate.

use std::sync::Arc;

use kms_core::Hsm;
use kms_core::secret::SecretBytes;
use kms_hsm::{Token, TokenConfig};
use kms_test::TestToken;

/// Opens the token of this test process with so many sessions.
pub(crate) fn open(sessions: u32) -> Arc<dyn Hsm> {
    let token = TestToken::for_this_process();
    let config = TokenConfig {
        module: token.module().to_owned(),
        token_label: token.label().to_owned(),
        pin: SecretBytes::new(token.pin().as_bytes().to_vec()),
        softhsm_folder: Some(token.token_folder()),
        sessions,
    };
    Arc::new(Token::open(config).unwrap())
}
