//! Shapes and constraints of the 56 KMS operations, and the validator that reads a request body once.
