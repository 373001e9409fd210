//! Integration tests: one binary, so that all tests share the clusters of one run.

mod dependencies;
mod documentation;
mod guard;
mod harness_selftest;
mod layers;
mod server;
