//! Access methods of tables and indexes.

use crate::catalog::kind::{Record, kind_of_rows};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Repairs, Role, Section, class};
use crate::ddl::{Ddl, identifier};
use crate::error::CatalogError;

kind_of_rows!(AccessMethodKind, "access_method", "access_method.sql", AccessMethod);

#[derive(Debug)]
struct AccessMethod {
    header: ObjectHeader,
    is_of_tables: bool,
    /// Rendered.
    handler: String,
}

impl AccessMethod {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let name: String = row.get("name")?;
        let id = ObjectId::new(class::PG_AM, row.get("oid")?);
        let mut header = ObjectHeader::new(id, Role::AccessMethod, "ACCESS METHOD", Section::PreData, name.as_str());
        let sql = identifier(&name);
        header.address = Some(Address { keyword: "ACCESS METHOD", grant_keyword: "ACCESS METHOD", sql });
        Ok(Self { header, is_of_tables: row.char("type")? == 't', handler: row.get("handler")? })
    }
}

impl Object for AccessMethod {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE ACCESS METHOD ").deparsed(self.header.sql_name());
        ddl.sql(if self.is_of_tables { " TYPE TABLE HANDLER " } else { " TYPE INDEX HANDLER " });
        ddl.deparsed(&self.handler).end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP ACCESS METHOD ").deparsed(self.header.sql_name()).end();
    }
}
