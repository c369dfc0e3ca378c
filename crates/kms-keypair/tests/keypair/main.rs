//! Key pairs against independent implementations and published vectors.

mod agreement;
mod data_key_pairs;
mod imports;
mod post_quantum;
mod recovery;
mod support;
mod wycheproof_keys;
mod wycheproof_signatures;
