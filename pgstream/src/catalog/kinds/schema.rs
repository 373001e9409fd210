//! Schemas.
//!
//! `public` is there in every new database: it is never created, only its owner, privileges and comment are carried.

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Privileges, Repairs, Role, Section, class};
use crate::ddl::{Ddl, identifier};
use crate::error::CatalogError;

pub(crate) struct SchemaKind;

impl ObjectKind for SchemaKind {
    fn name(&self) -> &'static str {
        "schema"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const { &[catalog_query!("schema.sql")] }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        for row in results[0].iter() {
            found.push(Schema::decode(row)?);
        }
        Ok(())
    }
}

/// The owner that a new database gives to `public` from 15 on.
const PUBLIC_OWNER: &str = "pg_database_owner";

#[derive(Debug)]
struct Schema {
    header: ObjectHeader,
}

impl Schema {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let name: String = row.get("name")?;
        let id = ObjectId::new(class::PG_NAMESPACE, row.get("oid")?);
        let mut header = ObjectHeader::new(id, Role::Schema, "SCHEMA", Section::PreData, name.as_str());
        header.owner = Some(row.get("owner")?);
        header.privileges = Some(Privileges { actual: row.get("acl")?, baseline: row.get("baseline")? });
        header.address = Some(Address { keyword: "SCHEMA", grant_keyword: "SCHEMA", sql: identifier(&name) });
        Ok(Self { header })
    }

    fn is_public(&self) -> bool {
        self.header.name == "public"
    }
}

impl Object for Schema {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn is_entry(&self, _repairs: &Repairs) -> bool {
        !self.is_public() || self.header.owner.as_deref() != Some(PUBLIC_OWNER)
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        if self.is_public() {
            ddl.sql("-- *not* creating schema, since initdb creates it\n");
        } else {
            ddl.sql("CREATE SCHEMA ").ident(&self.header.name).end();
        }
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        if self.is_public() {
            ddl.sql("-- *not* dropping schema, since initdb creates it\n");
        } else {
            ddl.sql("DROP SCHEMA ").ident(&self.header.name).end();
        }
    }
}
