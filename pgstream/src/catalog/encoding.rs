//! Definitions whose bytes are no UTF-8, which a database without an encoding may hold.
//!
//! Rows pass as the bytes that they are. Names, defaults, bodies of functions and comments become parts of statements, which are
//! text: those that are none are found here, all at once, and named.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;

use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Kind, Type};

use super::kind::Rows;
use crate::error::CatalogError;

/// How many definitions an error names.
const SHOWN: usize = 8;

/// Finds what is no UTF-8 in the answers to catalog queries.
///
/// # Errors
/// [`CatalogError::NotUtf8`] with the objects that it belongs to.
pub(super) fn check<'a>(answers: impl IntoIterator<Item = &'a Rows> + Clone) -> Result<(), CatalogError> {
    let rows = || answers.clone().into_iter().flat_map(|answer| answer.rows.iter().map(|row| (answer.query, row)));
    let broken: Vec<(&str, &Row)> = rows().filter(|(_, row)| !is_utf8(row)).collect();
    if broken.is_empty() {
        return Ok(());
    }
    let names: HashMap<u32, String> = rows().filter_map(|(_, row)| Some((number(row, "oid")?, name(row)?))).collect();
    let found: BTreeSet<String> = broken.into_iter().map(|(query, row)| describe(query, row, &names)).collect();
    let mut examples = found.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if found.len() > SHOWN {
        examples.push_str(", …");
    }
    Err(CatalogError::NotUtf8 { count: found.len(), examples })
}

/// What a row is about: `function public.f`, `column public.t`.
fn describe(query: &str, row: &Row, names: &HashMap<u32, String>) -> String {
    let kind = query.trim_end_matches(".sql").replace(['_', '/'], " ");
    let of_another = || ["oid", "relation"].into_iter().find_map(|column| names.get(&number(row, column)?).cloned());
    match of_another().or_else(|| name(row)) {
        Some(name) => format!("{kind} {name}"),
        None => kind,
    }
}

/// Schema and name, with the bytes that are no UTF-8 as `\xff`.
fn name(row: &Row) -> Option<String> {
    let part = |column: &str| raw(row, position(row, column)?).map(|bytes| bytes.escape_ascii().to_string());
    let name = part("name")?;
    Some(part("schema").map_or_else(|| name.clone(), |schema| format!("{schema}.{name}")))
}

fn position(row: &Row, column: &str) -> Option<usize> {
    row.columns().iter().position(|c| c.name() == column)
}

fn number(row: &Row, column: &str) -> Option<u32> {
    row.try_get(position(row, column)?).ok()
}

fn raw(row: &Row, column: usize) -> Option<&[u8]> {
    row.try_get::<_, Option<Raw<'_>>>(column).ok()?.map(|raw| raw.0)
}

fn is_utf8(row: &Row) -> bool {
    let is_text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
    row.columns().iter().enumerate().all(|(i, column)| match column.type_().kind() {
        Kind::Array(member) if is_textual(member) => {
            let all: Option<Vec<Option<Raw<'_>>>> = row.try_get(i).ok().flatten();
            all.into_iter().flatten().flatten().all(|raw| is_text(raw.0))
        }
        _ if is_textual(column.type_()) => raw(row, i).is_none_or(is_text),
        _ => true,
    })
}

fn is_textual(kind: &Type) -> bool {
    [Type::TEXT, Type::NAME, Type::VARCHAR, Type::BPCHAR, Type::JSON, Type::UNKNOWN].contains(kind)
}

/// A value as it arrived.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(kind: &Type) -> bool {
        is_textual(kind)
    }
}
