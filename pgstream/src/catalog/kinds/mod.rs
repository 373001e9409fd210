//! Every kind of object that pgstream carries: one file per kind with its SQL beside it.

mod access_method;
mod aggregate;
mod cast;
mod collation;
mod composite_type;
mod constraint;
mod conversion;
mod default_privileges;
mod domain;
mod enum_type;
mod event_trigger;
mod extended_statistics;
mod extension;
mod foreign_data_wrapper;
mod foreign_server;
mod function;
mod index;
mod language;
mod large_object;
mod materialized_view;
mod operator;
mod operator_class;
mod policy;
mod publication;
mod range_type;
mod rule;
mod schema;
mod sequence;
mod table;
mod text_search;
mod transform;
mod trigger;
mod type_header;
mod view;

use super::kind::ObjectKind;

/// Every kind pgstream knows, in the order it writes them when dependencies allow either.
#[rustfmt::skip]
pub(crate) const KINDS: &[&dyn ObjectKind] = &[
    &schema::SchemaKind,
    &language::LanguageKind,
    &collation::CollationKind,
    &transform::TransformKind,
    &extension::ExtensionKind,
    &enum_type::EnumKind,
    &composite_type::CompositeKind,
    &range_type::RangeKind,
    &domain::DomainKind,
    &cast::CastKind,
    &function::FunctionKind,
    &aggregate::AggregateKind,
    &access_method::AccessMethodKind,
    &operator::OperatorKind,
    &operator_class::OperatorClassKind,
    &conversion::ConversionKind,
    &text_search::TextSearchParserKind,
    &text_search::TextSearchTemplateKind,
    &text_search::TextSearchDictionaryKind,
    &text_search::TextSearchConfigurationKind,
    &foreign_data_wrapper::ForeignDataWrapperKind,
    &foreign_server::ForeignServerKind,
    &sequence::SequenceKind,
    &table::TableKind,
    &view::ViewKind,
    &materialized_view::MaterializedViewKind,
    &constraint::ConstraintKind,
    &index::IndexKind,
    &extended_statistics::ExtendedStatisticsKind,
    &rule::RuleKind,
    &trigger::TriggerKind,
    &policy::PolicyKind,
    &publication::PublicationKind,
    &default_privileges::DefaultPrivilegesKind,
    &event_trigger::EventTriggerKind,
    &large_object::LargeObjectKind,
];

/// The names of all kinds.
pub fn kind_names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name())
}
