//! Peculiarities of tokens: one file each, chosen by manufacturer and model. Nothing outside this folder asks which token
//! it is; it asks for a trait of the token by name.

mod generic;
mod kryoptic;
pub(crate) mod softhsm;

/// How a make of token departs from what PKCS#11 promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quirks {
    /// The name for logs.
    pub(crate) name: &'static str,
    /// Reading an attribute by its handle looks at the token's storage as a search does, at constant cost; so it serves
    /// as the sighting of the sentinel and as the read before each write.
    pub(crate) reading_refreshes: bool,
    /// A stale handle may show as a general error.
    pub(crate) vague_stale_handles: bool,
    /// RSA pairs are generated as session objects outside the write lock, and the private half is copied in.
    pub(crate) rsa_pairs_by_copy: bool,
    /// Whether a handle may be given to another object after its first one is gone (object-protocol.md S7); found by the
    /// self-test, and then `CKA_ID` is read before each use.
    pub(crate) reuses_handles: bool,
    /// The self-test for handle reuse must use token objects: session objects may have handles of their own kind.
    pub(crate) tries_token_handles: bool,
}

/// The quirks of the token with this manufacturer and model (`CK_TOKEN_INFO`, without padding).
pub(crate) fn of(manufacturer: &str, model: &str) -> Quirks {
    // So that tests can treat SoftHSM as a token of which nothing is known.
    fail::fail_point!("hsm.generic_quirks", |_| generic::quirks());
    if softhsm::is(manufacturer, model) {
        softhsm::quirks()
    } else if kryoptic::is(manufacturer, model) {
        kryoptic::quirks()
    } else {
        generic::quirks()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_makes_are_told_apart() {
        assert_eq!(super::of("SoftHSM project", "SoftHSM v2").name, "SoftHSM");
        assert_eq!(super::of("Kryoptic Project", "v1").name, "Kryoptic");
        assert_eq!(super::of("Kryoptic Project", "v2").name, "generic");
    }
}
