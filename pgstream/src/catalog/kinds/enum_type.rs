//! Enums.

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::kinds::type_header;
use crate::catalog::{Object, ObjectHeader, Repairs, Role};
use crate::ddl::Ddl;
use crate::error::CatalogError;
use crate::name::QualifiedName;

pub(crate) struct EnumKind;

impl ObjectKind for EnumKind {
    fn name(&self) -> &'static str {
        "enum_type"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const { &[catalog_query!("enum_type.sql")] }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        for row in results[0].iter() {
            found.push(EnumType::decode(row)?);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct EnumType {
    header: ObjectHeader,
    name: QualifiedName,
    labels: Vec<String>,
}

impl EnumType {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let (header, name) = type_header::decode(row, Role::Type, "TYPE")?;
        Ok(Self { header, name, labels: row.get("labels")? })
    }
}

impl Object for EnumType {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE TYPE ").name(&self.name).sql(" AS ENUM (");
        for (i, label) in self.labels.iter().enumerate() {
            ddl.sql(if i > 0 { ",\n    " } else { "\n    " }).literal(label);
        }
        ddl.sql("\n)").end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP TYPE ").name(&self.name).end();
    }
}
