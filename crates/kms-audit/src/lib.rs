//! The audit record, its append-only file and its hash chain.
