//! Extensions.
//!
//! The version is left to the target, and so are the members: they come with the extension. An extension has no owner that
//! could be set; whoever makes it owns it.

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Repairs, Role, Section, class};
use crate::ddl::{Ddl, identifier};
use crate::error::CatalogError;

pub(crate) struct ExtensionKind;

impl ObjectKind for ExtensionKind {
    fn name(&self) -> &'static str {
        "extension"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const { &[catalog_query!("extension.sql")] }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        for row in results[0].iter() {
            found.push(Extension::decode(row)?);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Extension {
    header: ObjectHeader,
    installed_in: String,
}

impl Extension {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let name: String = row.get("name")?;
        let id = ObjectId::new(class::PG_EXTENSION, row.get("oid")?);
        let mut header = ObjectHeader::new(id, Role::Extension, "EXTENSION", Section::PreData, name.as_str());
        header.address = Some(Address { keyword: "EXTENSION", grant_keyword: "EXTENSION", sql: identifier(&name) });
        Ok(Self { header, installed_in: row.get("installed_in")? })
    }
}

impl Object for Extension {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE EXTENSION IF NOT EXISTS ").ident(&self.header.name);
        ddl.sql(" WITH SCHEMA ").ident(&self.installed_in).end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP EXTENSION ").ident(&self.header.name).end();
    }
}
