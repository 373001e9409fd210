//! What a database contains: every kind of object, read with a fixed number of queries and rendered as SQL.
//!
//! A *kind* (`kind::ObjectKind`) has its catalog queries in `.sql` files beside it and turns their rows into *objects*
//! ([`Object`]), which render themselves. All kinds stand in one list, `kinds::KINDS`. The only I/O is in [`read`] and,
//! to find out what a [`Filter`] means in a database, in [`select`].
//!
//! This module does not order objects (see [`crate::ordering`]) and does not write them anywhere.

pub(crate) mod binary_type;
mod encoding;
mod filter;
pub(crate) mod kind;
pub(crate) mod kinds;
mod object;
mod pattern;
pub(crate) mod read;
pub(crate) mod reloptions;
mod repair;
mod role;
mod section;
mod select;
mod selection;
mod snapshot;
pub(crate) mod version_tags;
mod watch;

pub use filter::Filter;
pub use kinds::kind_names;
pub use object::{Address, DataSource, Object, ObjectHeader, ObjectId, Part, Privileges, SequenceData, TableData, class};
#[doc(hidden)]
pub use read::queries_for;
pub use read::{Catalog, Database, SecurityLabel, UnsupportedObjects, read};
pub use repair::Repairs;
pub use role::Role;
pub use section::Section;
pub use select::{NameScope, select};
pub use selection::{RelationRow, Selection};
pub use snapshot::{OneConnection, Snapshot, SnapshotOptions};
pub(crate) use snapshot::{RELEASE, Reader, SAVEPOINT};
pub(crate) use watch::{Limits, watch};

/// The schema that marks a database as being loaded: while it is there, the database is not whole.
pub(crate) const LOADING_MARKER: &str = "pgstream_loading";
