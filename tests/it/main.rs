//! Integration tests: one binary, so that all tests share the clusters of one run.

mod harness_selftest;
