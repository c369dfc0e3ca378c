//! The PKCS#11 token: the only user of cryptoki.
