//! Range types. Constructors and the multirange type come with them.

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::kinds::type_header;
use crate::catalog::{Object, ObjectHeader, Repairs, Role};
use crate::ddl::{Ddl, qualified};
use crate::error::CatalogError;
use crate::name::QualifiedName;

pub(crate) struct RangeKind;

impl ObjectKind for RangeKind {
    fn name(&self) -> &'static str {
        "range_type"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const { &[catalog_query!("range_type.sql")] }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        for row in results[0].iter() {
            found.push(RangeType::decode(row)?);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct RangeType {
    header: ObjectHeader,
    name: QualifiedName,
    subtype: String,
    /// What follows the subtype: keyword with ` = `, and rendered value.
    parameters: Vec<(&'static str, String)>,
}

impl RangeType {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let (header, name) = type_header::decode(row, Role::Type, "TYPE")?;
        let multirange = match row.get::<Option<String>>("multirange_schema")? {
            Some(schema) => Some(qualified(&schema, row.get("multirange_name")?)),
            None => None,
        };
        let parameters = [
            ("multirange_type_name = ", multirange),
            ("subtype_opclass = ", row.get("operator_class")?),
            ("collation = ", row.get("collation")?),
            ("canonical = ", row.get("canonical")?),
            ("subtype_diff = ", row.get("subtype_difference")?),
        ];
        let parameters = parameters.into_iter().filter_map(|(word, value)| Some((word, value?))).collect();
        Ok(Self { header, name, subtype: row.get("subtype")?, parameters })
    }
}

impl Object for RangeType {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE TYPE ").name(&self.name).sql(" AS RANGE (\n    subtype = ").deparsed(&self.subtype);
        for (word, value) in &self.parameters {
            ddl.sql(",\n    ").sql(word).deparsed(value);
        }
        ddl.sql("\n)").end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP TYPE ").name(&self.name).end();
    }
}
