//! Whether objects that no lock protects changed between the snapshot and the end of the export.
//!
//! What the server renders for us (bodies of functions, definitions of views, expressions) it renders from the catalog as it
//! is now, not as the snapshot has it. So every object of the export is looked at twice at the end: as the snapshot has it
//! and as it is now.

use std::collections::HashMap;

use crate::catalog::{Catalog, ObjectId};
use crate::connection::{Connection, ConnectionConfig};
use crate::data::ValueReader;
use crate::error::{CatalogError, Error};
use crate::progress::Run;

const SQL: &str = include_str!("fingerprint.sql");

/// How many objects an error names.
const SHOWN: usize = 5;

/// The objects of `catalog` that were changed or dropped since the snapshot, as reports call them.
pub(crate) async fn find_changed(
    source: &ConnectionConfig,
    reader: &mut ValueReader<'_>,
    catalog: &Catalog,
) -> Result<Vec<String>, Error> {
    let then = reader.ask("the catalog again", SQL).await?;
    let live = Connection::open(source).await?;
    let now = live.simple_query(SQL).await;
    live.close().await;
    let now: HashMap<ObjectId, String> = now?.into_iter().filter_map(|row| entry(&row)).collect();
    let rows = then.first().map_or(&[][..], |result| &result.rows);
    let text = |value: &Option<bytes::Bytes>| value.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let then = rows.iter().filter_map(|row| entry(&row.iter().map(text).collect::<Vec<_>>()));
    let then: HashMap<ObjectId, String> = then.filter(|(id, xmin)| now.get(id) != Some(xmin)).collect();
    let changed = catalog.objects.iter().map(|object| object.header()).filter(|header| then.contains_key(&header.id));
    Ok(changed.map(|header| format!("{} {}", header.desc.to_lowercase(), header.tag)).collect())
}

/// Says of each change that it may have been read either way; an error of all of them with `is_strict`.
///
/// # Errors
/// [`CatalogError::Changed`].
pub(crate) fn tell(changed: Vec<String>, is_strict: bool, run: &Run) -> Result<(), Error> {
    if is_strict && !changed.is_empty() {
        return Err(error(&changed));
    }
    for name in changed {
        run.warn(format!("{name} was changed while it was read: its definition may be the new one or the old one"));
    }
    Ok(())
}

/// The error that a change is when it must not be.
fn error(changed: &[String]) -> Error {
    let examples = changed.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    CatalogError::Changed { count: changed.len(), examples }.into()
}

fn entry(row: &[Option<String>]) -> Option<(ObjectId, String)> {
    let [Some(class), Some(oid), Some(xmin)] = row else { return None };
    Some((ObjectId::new(class.parse().ok()?, oid.parse().ok()?), xmin.clone()))
}
