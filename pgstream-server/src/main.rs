//! The pgstream job service.
fn main() {}
