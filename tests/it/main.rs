//! Integration tests: one binary, so that all tests share the clusters of one run.

mod cancel;
mod cli;
mod connection_cases;
mod dependencies;
mod documentation;
mod export;
mod faults;
mod guard;
mod harness_selftest;
mod layers;
mod marker;
mod preflight;
mod secrets;
mod server;
mod snapshots;
mod sync;
mod sync_options;
mod syncing;
mod types;
mod verify;
