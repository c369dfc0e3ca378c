//! Strongroom, the binary.
fn main() {}
