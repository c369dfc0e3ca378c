//! What the fuzz targets share. The seeds of `cargo xtask fuzz` have the same form.

use kms_core::key_spec::KeySpec;

/// The first byte chooses a key spec; the rest is what the target reads.
pub fn spec_and_rest(data: &[u8]) -> Option<(KeySpec, &[u8])> {
    let (first, rest) = data.split_first()?;
    Some((KeySpec::ALL[usize::from(*first) % KeySpec::ALL.len()], rest))
}
