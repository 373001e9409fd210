//! Integration tests: one binary, so that all tests share the clusters of one run.

mod backup;
mod cancel;
mod cli;
mod dependencies;
mod documentation;
mod encodings;
mod export;
mod faults;
mod fence;
mod guard;
mod harness_selftest;
mod import;
mod importing;
mod large_rows;
mod layers;
mod marker;
mod pooler;
mod preflight;
mod script;
mod server;
mod standby;
mod sync;
mod sync_options;
mod syncing;
mod verify;
