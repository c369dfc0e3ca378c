//! A TCP port for a server that cannot be told to choose its own.

use std::net::{Ipv4Addr, TcpListener};

use crate::LocalError;

/// A port of 127.0.0.1 on which nobody listened a moment ago. Prefer `:0` where the server reports its port.
///
/// # Errors
/// [`LocalError::Unusable`] if the machine has no free port.
pub fn free_port() -> Result<u16, LocalError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| LocalError::Unusable(format!("no free port on 127.0.0.1: {error}")))
}
