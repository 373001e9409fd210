//! One module per subject; each tells its paths.

pub(crate) mod health;
pub(crate) mod profiles;
