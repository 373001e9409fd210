//! Constraints of tables that stand for themselves: primary keys, unique, exclusion, and foreign keys.
//!
//! Checks belong to their table, see the kind `table`.

mod foreign_key;
mod key;

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::{Address, ObjectHeader, ObjectId, Part, Role, Section, class};
use crate::error::CatalogError;
use crate::name::QualifiedName;

use self::foreign_key::ForeignKey;
use self::key::Key;

pub(crate) struct ConstraintKind;

impl ObjectKind for ConstraintKind {
    fn name(&self) -> &'static str {
        "constraint"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const { &[catalog_query!("key.sql"), catalog_query!("foreign_key.sql"), catalog_query!("attached_index.sql")] }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        let [keys, foreign_keys, attached] = results else { return Ok(()) };
        for row in keys.iter() {
            found.push(Key::decode(row)?);
        }
        for row in foreign_keys.iter() {
            found.push(ForeignKey::decode(row)?);
        }
        for row in attached.iter() {
            let foreign_key = ObjectId::new(class::PG_CONSTRAINT, row.get("foreign_key")?);
            found.dependencies.push((foreign_key, ObjectId::relation(row.get("index")?).part(Part::Attach)));
        }
        Ok(())
    }
}

/// The table that a constraint is on, and the constraint's header.
fn decode_header(
    row: Record<'_>,
    role: Role,
    desc: &'static str,
) -> Result<(ObjectId, QualifiedName, ObjectHeader), CatalogError> {
    let table = QualifiedName::new(row.get::<String>("schema")?, row.get::<String>("table_name")?);
    let table_id = ObjectId::relation(row.get("table_oid")?);
    let name: String = row.get("name")?;
    let id = ObjectId::new(class::PG_CONSTRAINT, row.get("oid")?);
    let mut header = ObjectHeader::new(id, role, desc, Section::PostData, name.as_str());
    header.schema = Some(table.schema.clone());
    header.tag = [table.name.as_str(), name.as_str()].join(" ");
    header.tie_break.clone_from(&table.name);
    header.owner = Some(row.get("owner")?);
    header.address = Some(Address::constraint(&name, &table));
    header.belongs_to = Some(table_id);
    Ok((table_id, table, header))
}
