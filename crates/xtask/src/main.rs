//! Chores of the developer.
fn main() {}
