//! What the ordering has to know about a kind of object.

use super::object::ObjectId;

/// The part that an object plays in the order of things. The order of the variants is the order in which objects are
/// written when dependencies allow either.
///
/// Source: the observed order of `pg_dump` 15 to 18.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Role {
    Schema,
    Language,
    Collation,
    Transform,
    Extension,
    /// Enum, composite, range and base types.
    Type,
    ShellType,
    Domain,
    Cast,
    Function,
    Aggregate,
    AccessMethod,
    Operator,
    OperatorClass,
    OperatorFamily,
    Conversion,
    TextSearchParser,
    TextSearchTemplate,
    TextSearchDictionary,
    TextSearchConfiguration,
    ForeignDataWrapper,
    ForeignServer,
    Table,
    Sequence,
    View,
    MaterializedView,
    /// A not-null constraint inside its table.
    NotNull,
    TableAttach,
    SequenceOwnedBy,
    /// An id that only `pg_depend` knows: it carries dependencies and is never written.
    PassThrough,
    /// A column's default; its table.
    Default {
        table: ObjectId,
    },
    LargeObject,
    PreDataBoundary,
    TableData,
    SequenceValue,
    LargeObjectData,
    PostDataBoundary,
    /// Primary key, unique, exclusion.
    Constraint,
    /// A table's check; its table.
    Check {
        table: ObjectId,
    },
    /// A domain's check; its domain.
    DomainCheck {
        domain: ObjectId,
    },
    Index,
    IndexAttach,
    ExtendedStatistics,
    /// A rule; its relation. `is_view` for the `_RETURN` rule of a view.
    Rule {
        relation: ObjectId,
        is_view: bool,
    },
    Trigger,
    ForeignKey,
    RowSecurity,
    Policy,
    Publication,
    /// A table that a publication names.
    PublishedTable,
    /// A schema that a publication names.
    PublishedSchema,
    DefaultPrivileges,
    EventTrigger,
    Refresh,
}

impl Role {
    /// Lower comes first when dependencies allow either.
    pub const fn priority(self) -> u8 {
        match self {
            Self::Schema => 1,
            Self::Language => 2,
            Self::Collation => 3,
            Self::Transform => 4,
            Self::Extension => 5,
            Self::Type | Self::ShellType | Self::Domain => 6,
            Self::Cast => 7,
            Self::Function => 8,
            Self::Aggregate => 9,
            Self::AccessMethod => 10,
            Self::Operator => 11,
            Self::OperatorClass | Self::OperatorFamily => 12,
            Self::Conversion => 13,
            Self::TextSearchParser => 14,
            Self::TextSearchTemplate => 15,
            Self::TextSearchDictionary => 16,
            Self::TextSearchConfiguration => 17,
            Self::ForeignDataWrapper => 18,
            Self::ForeignServer => 19,
            Self::Table | Self::Sequence | Self::View | Self::MaterializedView => 20,
            Self::NotNull | Self::SequenceOwnedBy => 21,
            Self::TableAttach => 22,
            Self::PassThrough => 23,
            Self::Default { .. } => 24,
            Self::LargeObject => 25,
            Self::PreDataBoundary => 30,
            Self::TableData => 31,
            Self::SequenceValue => 32,
            Self::LargeObjectData => 33,
            Self::PostDataBoundary => 40,
            Self::Constraint | Self::Check { .. } | Self::DomainCheck { .. } => 41,
            Self::Index => 42,
            Self::IndexAttach => 43,
            Self::ExtendedStatistics => 44,
            Self::Rule { .. } => 45,
            Self::Trigger => 46,
            Self::ForeignKey => 47,
            Self::RowSecurity | Self::Policy => 48,
            Self::Publication => 49,
            Self::PublishedTable => 50,
            Self::PublishedSchema => 51,
            Self::DefaultPrivileges => 53,
            Self::EventTrigger => 54,
            Self::Refresh => 55,
        }
    }

    /// The object that it stands inside of, unless a repair takes it out: a default's table, a view's rule's view.
    pub const fn inside(self) -> Option<ObjectId> {
        match self {
            Self::Default { table } | Self::Check { table } => Some(table),
            Self::DomainCheck { domain } => Some(domain),
            Self::Rule { relation, is_view: true } => Some(relation),
            _ => None,
        }
    }
}
