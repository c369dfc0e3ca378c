//! What the end-to-end tests, the demo, chaos and the benchmark share: a running `strongroom`, official SDK clients, and an
//! independent look into the token.

mod census;
mod client;
mod import;
mod node_files;
mod server;

pub use census::{Census, census, objects_of_key};
pub use client::{client, fresh_account};
pub use import::{import, import_until, material, wrap};
pub use node_files::{NODE_ACCOUNT, NodeFiles};
pub use server::{Server, ServerOptions, pq_module, strongroom_binary};
