//! Makes, destroys and reconciles key material: the only code that joins rows and token objects.
