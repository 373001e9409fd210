//! The pgstream command line.
fn main() {}
