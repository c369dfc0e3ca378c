//! What `strongroom dev` promises about its folder, its address and its end.

mod address;
mod ephemeral;
mod folder;
mod postgres_gone;
mod process;
mod token_away;
