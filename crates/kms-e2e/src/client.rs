//! Official SDK clients.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_credential_types::Credentials;
use aws_sdk_kms::Client;
use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::config::{BehaviorVersion, Region};

/// A client of the root user of this account. It does not retry, so that a test sees each answer.
pub fn client(endpoint: &str, account: &str, region: &str) -> Client {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new(region.to_owned()))
        .credentials_provider(Credentials::new(account, "test", None, None, "static"))
        .retry_config(RetryConfig::disabled())
        .http_client(http)
        .build();
    Client::from_conf(config)
}

/// An account that no other test of this run uses.
pub fn fresh_account() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let unique = u64::from(std::process::id()) * 10_000 + NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:012}", unique % 1_000_000_000_000)
}
