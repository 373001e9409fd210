//! Integration tests: one binary, so that all tests share the clusters of one run.

mod cancel;
mod cli;
mod connection_cases;
mod dependencies;
mod documentation;
mod encodings;
mod export;
mod faults;
mod fence;
mod guard;
mod harness_selftest;
mod large_rows;
mod layers;
mod marker;
mod pooler;
mod preflight;
mod secrets;
mod server;
mod snapshots;
mod standby;
mod sync;
mod sync_options;
mod syncing;
mod types;
mod verify;
