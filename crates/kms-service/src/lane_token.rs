//! What the jobs of a lane share. The material that a job uses names its own token.

use std::sync::Arc;

use kms_core::{Hsm, HsmError, KmsError};
use zeroize::Zeroize;

/// Bytes of token randomness fetched at a time; one call a batch instead of one a data key.
const RANDOM: usize = 4_096;

/// What is left of an operation once everything is checked: the token call and what follows from it.
pub(crate) type TokenWork = Box<dyn FnOnce(&mut LaneToken) -> Result<Vec<u8>, KmsError> + Send>;

/// The token, and random bytes of it.
pub(crate) struct LaneToken {
    hsm: Arc<dyn Hsm>,
    random: [u8; RANDOM],
    used: usize,
}

impl LaneToken {
    pub(crate) fn new(hsm: Arc<dyn Hsm>) -> Self {
        Self { hsm, random: [0; RANDOM], used: RANDOM }
    }

    /// Does a job; a panic in it is an error of its own.
    pub(crate) fn run(&mut self, work: TokenWork) -> Result<Vec<u8>, KmsError> {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(self)))
            .unwrap_or_else(|_| Err(KmsError::internal("an operation panicked")))
    }

    /// Random bytes of the token, each given out once.
    ///
    /// # Errors
    /// Those of [`Hsm::generate_random`].
    pub(crate) fn random(&mut self, length: usize) -> Result<Vec<u8>, HsmError> {
        if length > RANDOM - self.used {
            self.hsm.generate_random(&mut self.random)?;
            self.used = 0;
        }
        let taken = &mut self.random[self.used..self.used + length];
        let mut bytes = vec![0; length];
        // Mixed with what the kernel gives now: the buffer alone would be given out twice by a machine restored twice.
        getrandom::fill(&mut bytes).map_err(|error| HsmError::Unavailable(error.to_string()))?;
        for (byte, other) in bytes.iter_mut().zip(taken.iter()) {
            *byte ^= other;
        }
        taken.zeroize();
        self.used += length;
        Ok(bytes)
    }
}

impl Drop for LaneToken {
    fn drop(&mut self) {
        self.random.zeroize();
    }
}
