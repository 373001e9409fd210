//! What the caller wants of a database, as typed.

use serde::{Deserialize, Serialize};

/// Where the options stand in the help of a command line.
#[cfg(feature = "clap")]
const HEADING: &str = "Which objects (patterns as in psql; each may be repeated)";

/// Which objects are wanted. Nothing given: all of them.
///
/// Every value is a pattern as psql understands it: `*` and `?` are wildcards, letters are folded to lower case, double
/// quotes keep a name as it is, `schema.name` names both. The rules are those of `pg_dump`:
///
/// * `tables` wins over both schema options and brings indexes, constraints, triggers, policies and owned sequences along,
///   but nothing that the tables depend on, and no schema.
/// * What lives in no schema (casts, languages, event triggers, large objects …) comes only if none of `schemas`, `tables`
///   and `extensions` is given.
/// * System schemas come only if named; members of extensions never, as the extension makes them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Filter {
    /// Only schemas that match
    #[cfg_attr(feature = "clap", arg(short = 'n', long = "schema", value_name = "PATTERN", help_heading = HEADING))]
    pub schemas: Vec<String>,
    /// No schemas that match
    #[cfg_attr(feature = "clap", arg(short = 'N', long = "exclude-schema", value_name = "PATTERN", help_heading = HEADING))]
    pub exclude_schemas: Vec<String>,
    /// Only tables, views, sequences and foreign tables that match
    #[cfg_attr(feature = "clap", arg(short = 't', long = "table", value_name = "PATTERN", help_heading = HEADING))]
    pub tables: Vec<String>,
    /// No tables, views, sequences and foreign tables that match
    #[cfg_attr(feature = "clap", arg(short = 'T', long = "exclude-table", value_name = "PATTERN", help_heading = HEADING))]
    pub exclude_tables: Vec<String>,
    /// The definition of tables that match, but not their rows
    #[cfg_attr(feature = "clap", arg(long = "exclude-table-data", value_name = "PATTERN", help_heading = HEADING))]
    pub exclude_table_data: Vec<String>,
    /// Only extensions that match
    #[cfg_attr(feature = "clap", arg(short = 'e', long = "extension", value_name = "PATTERN", help_heading = HEADING))]
    pub extensions: Vec<String>,
    /// No extensions that match
    #[cfg_attr(feature = "clap", arg(long = "exclude-extension", value_name = "PATTERN", help_heading = HEADING))]
    pub exclude_extensions: Vec<String>,
    /// Fail if any of the patterns that include matches nothing, and not only if all do
    #[cfg_attr(feature = "clap", arg(long = "strict-names", help_heading = HEADING))]
    pub strict_names: bool,
}

macro_rules! adding {
    ($($(#[$doc:meta])* $method:ident => $field:ident),* $(,)?) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $method(mut self, pattern: impl Into<String>) -> Self {
                self.$field.push(pattern.into());
                self
            }
        )*
    };
}

impl Filter {
    adding! {
        /// Adds a pattern to [`Filter::schemas`].
        schema => schemas,
        /// Adds a pattern to [`Filter::exclude_schemas`].
        exclude_schema => exclude_schemas,
        /// Adds a pattern to [`Filter::tables`].
        table => tables,
        /// Adds a pattern to [`Filter::exclude_tables`].
        exclude_table => exclude_tables,
        /// Adds a pattern to [`Filter::exclude_table_data`].
        exclude_data_of => exclude_table_data,
        /// Adds a pattern to [`Filter::extensions`].
        extension => extensions,
        /// Adds a pattern to [`Filter::exclude_extensions`].
        exclude_extension => exclude_extensions,
    }

    /// Sets [`Filter::strict_names`].
    #[must_use]
    pub fn strict_names(mut self, is_strict: bool) -> Self {
        self.strict_names = is_strict;
        self
    }

    /// Whether nothing was asked for by name, so that what lives in no schema comes too.
    pub fn includes_everything(&self) -> bool {
        self.schemas.is_empty() && self.tables.is_empty() && self.extensions.is_empty()
    }
}
