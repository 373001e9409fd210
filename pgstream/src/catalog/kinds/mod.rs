//! Every kind of object that pgstream carries: one file per kind with its SQL beside it.

mod aggregate;
mod composite_type;
mod constraint;
mod default_privileges;
mod domain;
mod enum_type;
mod extension;
mod function;
mod index;
mod large_object;
mod materialized_view;
mod policy;
mod range_type;
mod rule;
mod schema;
mod sequence;
mod table;
mod trigger;
mod type_header;
mod view;

use super::kind::ObjectKind;

/// Every kind pgstream knows, in the order it writes them when dependencies allow either.
#[rustfmt::skip]
pub(crate) const KINDS: &[&dyn ObjectKind] = &[
    &schema::SchemaKind,
    &extension::ExtensionKind,
    &enum_type::EnumKind,
    &composite_type::CompositeKind,
    &range_type::RangeKind,
    &domain::DomainKind,
    &function::FunctionKind,
    &aggregate::AggregateKind,
    &sequence::SequenceKind,
    &table::TableKind,
    &view::ViewKind,
    &materialized_view::MaterializedViewKind,
    &constraint::ConstraintKind,
    &index::IndexKind,
    &rule::RuleKind,
    &trigger::TriggerKind,
    &policy::PolicyKind,
    &default_privileges::DefaultPrivilegesKind,
    &large_object::LargeObjectKind,
];

/// The names of all kinds.
pub fn kind_names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name())
}
