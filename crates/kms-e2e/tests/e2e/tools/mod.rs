//! The commands beside a server: `strongroom reconcile` and `strongroom doctor`, and what the runbook promises of them.

mod doctor;
mod further_token;
mod metrics;
mod pin;
mod reconcile;
mod recover;
mod restore;
mod several_tokens;
mod support;
mod token_object;
