//! A token of which nothing is known: trust only what PKCS#11 promises, and not all of that.

use super::Quirks;

pub(super) fn quirks() -> Quirks {
    Quirks {
        name: "generic",
        reading_refreshes: false,
        vague_stale_handles: true,
        rsa_pairs_by_copy: false,
        reuses_handles: false,
        tries_token_handles: true,
    }
}
