//! What the queries of all kinds of types have in common: `oid`, `schema`, `name`, `owner`, `acl`, `baseline`.

use crate::catalog::kind::Record;
use crate::catalog::{Address, ObjectHeader, ObjectId, Privileges, Role, Section};
use crate::ddl::qualified;
use crate::error::CatalogError;
use crate::name::QualifiedName;

/// Reads a type's header. `keyword` is the word for `ALTER` and the table of contents: `TYPE` or `DOMAIN`.
///
/// # Errors
/// [`CatalogError::Decode`] if a column is missing.
pub(super) fn decode(row: Record<'_>, role: Role, keyword: &'static str) -> Result<(ObjectHeader, QualifiedName), CatalogError> {
    let name = QualifiedName::new(row.get::<String>("schema")?, row.get::<String>("name")?);
    let id = ObjectId::data_type(row.get("oid")?);
    let mut header = ObjectHeader::new(id, role, keyword, Section::PreData, name.name.as_str());
    header.schema = Some(name.schema.clone());
    header.owner = Some(row.get("owner")?);
    header.privileges = Some(Privileges { actual: row.get("acl")?, baseline: row.get("baseline")? });
    header.address = Some(Address { keyword, grant_keyword: "TYPE", sql: qualified(&name.schema, &name.name) });
    Ok((header, name))
}
