//! Kryoptic 1.5. Source: its code, and hsm-facts 1, 2 and 6.

use super::Quirks;

/// Whether this is Kryoptic.
pub(super) fn is(manufacturer: &str, model: &str) -> bool {
    manufacturer == "Kryoptic Project" && model == "v1"
}

pub(super) fn quirks() -> Quirks {
    Quirks {
        name: "Kryoptic",
        // Every use of a handle reads the object's rows from SQLite.
        reading_refreshes: true,
        // An object that another process destroyed is a general error of the storage.
        vague_stale_handles: true,
        // A copy may widen CKA_ALLOWED_MECHANISMS, even that of an object with CKA_MODIFIABLE false.
        rsa_pairs_by_copy: false,
        reuses_handles: false,
        // One counter numbers all handles of the process.
        tries_token_handles: false,
    }
}
