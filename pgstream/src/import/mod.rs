//! From an archive to a live database.
//!
//! What is written is written so that it can be taken back: before anything else a marker schema with a *ledger* is committed,
//! and every statement of the archive is committed together with its line in the ledger.

mod apply;
mod check_rows;
mod emptiness;
mod large_objects;
mod ledger;
mod load;
mod plan;
mod schedule;
mod target;

pub(crate) use apply::{Applied, Apply, ApplyOptions};
pub use emptiness::{Contents, ObjectCount, contents};
pub(crate) use ledger::Ledger;
pub(crate) use plan::LoadPlan;
pub(crate) use target::Target;
