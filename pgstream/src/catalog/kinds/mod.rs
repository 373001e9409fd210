//! Every kind of object that pgstream carries: one file per kind with its SQL beside it.

mod constraint;
mod index;
mod schema;
mod sequence;
mod table;

use super::kind::ObjectKind;

/// Every kind pgstream knows, in the order it writes them when dependencies allow either.
pub(crate) const KINDS: &[&dyn ObjectKind] =
    &[&schema::SchemaKind, &table::TableKind, &sequence::SequenceKind, &constraint::ConstraintKind, &index::IndexKind];

/// The names of all kinds.
pub fn kind_names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name())
}
