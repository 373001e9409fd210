//! What the ordering changed so that every object can be made.

use std::collections::HashSet;

use super::object::ObjectId;

/// The known repairs of dependency loops, by object. Objects consult it when they render themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repairs {
    /// Defaults, checks and rules of views that cannot stand inside their table, domain or view and get an entry of their
    /// own: defaults before the rows, the others behind them.
    pub separate: HashSet<ObjectId>,
    /// Views that are made first as a row of nulls of the right types, and replaced when their rule can be made.
    pub dummy_views: HashSet<ObjectId>,
    /// Materialized views and functions that move behind the rows, and what needs them.
    pub postponed: HashSet<ObjectId>,
    /// Types whose shell must be made first, because their functions are declared with it.
    pub shell_types: HashSet<ObjectId>,
}

impl Repairs {
    /// Whether a default or check is an entry of its own.
    pub fn is_separate(&self, id: ObjectId) -> bool {
        self.separate.contains(&id)
    }
}
