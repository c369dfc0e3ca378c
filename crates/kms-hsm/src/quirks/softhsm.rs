//! SoftHSM 2. Source: hsm-facts.md 0 to 5, measured on 2.6.1.

use super::Quirks;

mod object_file;
pub(crate) mod token_copy;
pub(crate) mod token_file;

/// Whether this is SoftHSM.
pub(super) fn is(manufacturer: &str, model: &str) -> bool {
    manufacturer.starts_with("SoftHSM") && model.starts_with("SoftHSM")
}

pub(super) fn quirks() -> Quirks {
    Quirks {
        name: "SoftHSM",
        // Every use of a handle reads the `generation` file and, if it changed, the folder (hsm-facts 2).
        reading_refreshes: true,
        vague_stale_handles: false,
        // RSA-4096 takes up to 1.6 s; under the lock it would hold up every writer.
        rsa_pairs_by_copy: true,
        reuses_handles: false,
        // One counter numbers all handles of the process.
        tries_token_handles: false,
    }
}
