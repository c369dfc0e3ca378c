//! Words and rules of KMS: identifiers, key states, formats, errors and the trait of the token. No I/O.
