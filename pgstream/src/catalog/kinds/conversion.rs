//! Conversions between encodings.

use crate::catalog::kind::{Record, kind_of_rows};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Repairs, Role, Section, class};
use crate::ddl::{Ddl, qualified};
use crate::error::CatalogError;

kind_of_rows!(ConversionKind, "conversion", "conversion.sql", Conversion);

#[derive(Debug)]
struct Conversion {
    header: ObjectHeader,
    is_default: bool,
    source_encoding: String,
    target_encoding: String,
    /// Rendered.
    function: String,
}

impl Conversion {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let (schema, name) = (row.get::<String>("schema")?, row.get::<String>("name")?);
        let id = ObjectId::new(class::PG_CONVERSION, row.get("oid")?);
        let mut header = ObjectHeader::new(id, Role::Conversion, "CONVERSION", Section::PreData, name.as_str());
        let sql = qualified(&schema, &name);
        header.address = Some(Address { keyword: "CONVERSION", grant_keyword: "CONVERSION", sql });
        header.schema = Some(schema);
        header.owner = Some(row.get("owner")?);
        Ok(Self {
            header,
            is_default: row.get("is_default")?,
            source_encoding: row.get("source_encoding")?,
            target_encoding: row.get("target_encoding")?,
            function: row.get("function")?,
        })
    }
}

impl Object for Conversion {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql(if self.is_default { "CREATE DEFAULT CONVERSION " } else { "CREATE CONVERSION " });
        ddl.deparsed(self.header.sql_name()).sql(" FOR ").literal(&self.source_encoding);
        ddl.sql(" TO ").literal(&self.target_encoding).sql(" FROM ").deparsed(&self.function).end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP CONVERSION ").deparsed(self.header.sql_name()).end();
    }
}
