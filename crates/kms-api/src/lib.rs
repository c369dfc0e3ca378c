//! The wire: HTTP, SigV4, AWS JSON 1.1, error bodies, health. The only user of actix-web.

pub mod sigv4;
