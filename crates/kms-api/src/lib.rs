//! The wire: HTTP, SigV4, AWS JSON 1.1, error bodies, health. The only user of actix-web.

pub mod app;
mod error_response;
mod health;
mod request;
mod request_counts;
pub mod sigv4;

pub use app::{Api, ApiConfig, Principal, runtime, serve};
