//! From an archive, or a script, to a live database.
//!
//! What is written is written so that it can be taken back: before anything else a marker schema with a *ledger* is committed,
//! and every statement of the archive is committed together with its line in the ledger. Whether it can work at all is found out
//! first, by [`preflight`].

mod apply;
mod check_rows;
mod emptiness;
mod extra_sql;
mod fence;
mod hide;
mod importer;
mod large_objects;
mod ledger;
mod load;
mod plan;
pub mod preflight;
mod replace;
mod schedule;
mod script;
mod take_back;
mod target;
mod watch;

pub(crate) use apply::{Applied, Apply, ApplyOptions};
pub(crate) use emptiness::refuse_if_not_empty;
pub use emptiness::{Contents, ObjectCount, contents};
pub(crate) use extra_sql::ExtraSql;
pub(crate) use fence::{Fence, Standing};
pub(crate) use hide::hide;
pub use importer::{Importer, ScriptImporter};
pub(crate) use ledger::Ledger;
pub(crate) use replace::{Clearing, Graph, Made, Replace, ReplaceOptions};
pub use replace::{DropPlan, Dropped, Reach, Reason, Replacing};
pub use script::{ImportOptions, ImportPlan, ImportReport, ScriptTable, import, plan_import, script_rule_words};
pub(crate) use take_back::take_back;
pub(crate) use target::{Target, is_binary};
pub(crate) use watch::watch_target;
