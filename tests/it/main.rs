//! Integration tests: one binary, so that all tests share the clusters of one run.

mod cancel;
mod cli;
mod cycles;
mod dependencies;
mod documentation;
mod export;
mod faults;
mod guard;
mod harness_selftest;
mod layers;
mod loading;
mod marker;
mod preflight;
mod server;
mod sync;
mod sync_options;
mod syncing;
mod verify;
