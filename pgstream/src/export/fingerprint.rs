//! Whether objects that no lock protects changed between the snapshot and the end of the export.
//!
//! What the server renders for us (bodies of functions, definitions of views, expressions) it renders from the catalog as it
//! is now, not as the snapshot has it. So every object of the export is looked at twice at the end: as the snapshot has it
//! and as it is now.

use std::collections::HashMap;

use crate::catalog::{Catalog, ObjectId, Snapshot};
use crate::connection::StatementResult;
use crate::data::ValueReader;
use crate::error::{CatalogError, Error};
use crate::progress::Run;

const SQL: &str = include_str!("fingerprint.sql");

/// How many objects an error names.
const SHOWN: usize = 5;

/// The objects of `catalog` that were changed or dropped since the snapshot, as reports call them. The last that
/// is read in the snapshot.
pub(crate) async fn find_changed(
    snapshot: &Snapshot,
    reader: &mut ValueReader<'_>,
    catalog: &Catalog,
) -> Result<Vec<String>, Error> {
    let then = reader.ask("the catalog again", SQL).await?;
    let now: HashMap<ObjectId, String> = entries(&snapshot.ask_now(SQL).await?).collect();
    let then: HashMap<ObjectId, String> = entries(&then).filter(|(id, xmin)| now.get(id) != Some(xmin)).collect();
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

/// The objects of an answer, each with its `xmin`.
fn entries(answer: &[StatementResult]) -> impl Iterator<Item = (ObjectId, String)> {
    let result = answer.first();
    let rows = 0..result.map_or(0, |result| result.rows.len());
    rows.filter_map(move |row| {
        let text = |column| result?.text(row, column);
        Some((ObjectId::new(text(0)?.parse().ok()?, text(1)?.parse().ok()?), text(2)?.to_owned()))
    })
}
