//! Who calls.

use std::sync::Arc;

use kms_core::{AccountId, Region};

/// The verified sender of a request and where the request came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The account that the access key belongs to.
    pub account: AccountId,
    /// ARN of the principal; in this version always an account's root user.
    pub arn: Arc<str>,
    /// The access key id that signed.
    pub access_key_id: String,
    /// The region of the credential scope: the region that serves this request.
    pub region: Region,
    /// `x-amzn-RequestId`.
    pub request_id: String,
    /// Peer address.
    pub source_ip: Arc<str>,
    /// `User-Agent` as sent.
    pub user_agent: String,
}
