//! Benchmarks of pgstream.
