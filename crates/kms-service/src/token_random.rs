//! Random bytes of the token, for data keys and GenerateRandom.

use std::sync::Arc;

use kms_core::{Hsm, HsmError};
use zeroize::Zeroize;

/// Bytes fetched at a time: one call a batch instead of one a data key.
const FETCHED: usize = 4_096;

/// What a lane has fetched of the token's random bytes; its jobs take from it by turns.
pub(crate) struct TokenRandom {
    hsm: Arc<dyn Hsm>,
    fetched: [u8; FETCHED],
    used: usize,
}

impl TokenRandom {
    pub(crate) fn new(hsm: Arc<dyn Hsm>) -> Self {
        Self { hsm, fetched: [0; FETCHED], used: FETCHED }
    }

    /// So many bytes, each given out once.
    ///
    /// # Errors
    /// Those of [`Hsm::generate_random`].
    ///
    /// # Panics
    /// For more than 4,096 bytes; the model lets 1,024 through.
    pub(crate) fn take(&mut self, length: usize) -> Result<Vec<u8>, HsmError> {
        if length > FETCHED - self.used {
            self.hsm.generate_random(&mut self.fetched)?;
            self.used = 0;
        }
        let taken = &mut self.fetched[self.used..self.used + length];
        let mut bytes = vec![0; length];
        // Mixed with what the kernel gives now: what was fetched alone would be given out twice by a machine restored twice.
        getrandom::fill(&mut bytes).map_err(|error| HsmError::Unavailable(error.to_string()))?;
        for (byte, other) in bytes.iter_mut().zip(taken.iter()) {
            *byte ^= other;
        }
        taken.zeroize();
        self.used += length;
        Ok(bytes)
    }
}

impl Drop for TokenRandom {
    fn drop(&mut self) {
        self.fetched.zeroize();
    }
}
