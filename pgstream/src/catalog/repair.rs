//! What the ordering changed so that every object can be made.

use std::collections::HashSet;

use super::object::ObjectId;

/// The known repairs of dependency loops, by object. Objects consult it when they render themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repairs {
    /// Defaults and checks that cannot stand inside their table or domain and get an entry of their own.
    pub separate: HashSet<ObjectId>,
    /// Views that are made first as a row of nulls of the right types, and replaced when their rule can be made.
    pub dummy_views: HashSet<ObjectId>,
    /// Materialized views and functions that move behind the rows.
    pub postponed: HashSet<ObjectId>,
}

impl Repairs {
    /// Whether a default or check is an entry of its own.
    pub fn is_separate(&self, id: ObjectId) -> bool {
        self.separate.contains(&id)
    }
}
