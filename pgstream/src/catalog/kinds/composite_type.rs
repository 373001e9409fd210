//! Composite types that are no row types of relations.

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::kinds::type_header;
use crate::catalog::{Object, ObjectHeader, ObjectId, Repairs, Role};
use crate::ddl::Ddl;
use crate::error::CatalogError;
use crate::name::QualifiedName;

pub(crate) struct CompositeKind;

impl ObjectKind for CompositeKind {
    fn name(&self) -> &'static str {
        "composite_type"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const { &[catalog_query!("composite_type.sql")] }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        for row in results[0].iter() {
            let composite = CompositeType::decode(row)?;
            found.aliases.push((ObjectId::relation(row.get("relation")?), composite.header.id));
            found.push(composite);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct CompositeType {
    header: ObjectHeader,
    name: QualifiedName,
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    name: String,
    type_name: String,
    /// Rendered; empty for the type's own collation.
    collation: String,
}

impl CompositeType {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let (mut header, name) = type_header::decode(row, Role::Type, "TYPE")?;
        header.columns = row.get("column_names")?;
        header.columns_of = Some(ObjectId::relation(row.get("relation")?));
        let types: Vec<String> = row.get("column_types")?;
        let collations: Vec<String> = row.get("column_collations")?;
        let columns = header.columns.iter().zip(types).zip(collations);
        let columns = columns
            .filter(|((name, _), _)| !name.is_empty())
            .map(|((name, type_name), collation)| Column { name: name.clone(), type_name, collation })
            .collect();
        Ok(Self { header, name, columns })
    }
}

impl Object for CompositeType {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE TYPE ").name(&self.name).sql(" AS (");
        for (i, column) in self.columns.iter().enumerate() {
            ddl.sql(if i > 0 { ",\n\t" } else { "\n\t" }).ident(&column.name).sql(" ").deparsed(&column.type_name);
            if !column.collation.is_empty() {
                ddl.sql(" COLLATE ").deparsed(&column.collation);
            }
        }
        ddl.sql("\n)").end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP TYPE ").name(&self.name).end();
    }
}
