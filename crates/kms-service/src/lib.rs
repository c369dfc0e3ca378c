//! The KMS operations, one file each: plain synchronous functions.
