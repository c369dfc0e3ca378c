//! The KMS operations, one file each, and what carries them: the cache of key records, the lanes that make the
//! token's calls, the bounded workers for everything else, the audit record of each request.
//!
//! The order of checks is the same for all: shape, key, authorization, cross-member rules, usage, state, algorithm, size,
//! DryRun, act (kms-operations.md 1.1). Operations are plain synchronous functions; only `Service` is async.

mod algorithms;
mod audit_event;
mod background;
mod cache;
mod caller;
mod change;
mod cloudtrail;
mod context;
mod dispatch;
mod draft_slot;
mod gate;
mod hot;
mod key_metadata;
mod key_record;
mod lane;
#[cfg(test)]
mod lane_tests;
mod lanes;
mod measure;
mod operations;
mod outbox;
mod page;
mod refusals;
mod service;
mod tags;
mod target;
#[cfg(test)]
mod test_token;
mod token_random;
mod workers;

pub use audit_event::OperationRequest;
pub use background::{Background, Health, LARGEST_SKEW};
pub use cache::KeyCache;
pub use caller::Caller;
pub use dispatch::{NOT_SERVED, SERVED, is_served};
pub use measure::{METRICS, Metric, describe_metrics};
pub use service::{Service, ServiceConfig};
