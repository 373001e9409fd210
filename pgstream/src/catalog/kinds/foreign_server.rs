//! Foreign servers.

use crate::catalog::kind::{Record, kind_of_rows};
use crate::catalog::kinds::foreign_data_wrapper::ForeignOptions;
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Privileges, Repairs, Role, Section, class};
use crate::ddl::{Ddl, identifier};
use crate::error::CatalogError;

kind_of_rows!(ForeignServerKind, "foreign_server", "foreign_server.sql", ForeignServer);

#[derive(Debug)]
struct ForeignServer {
    header: ObjectHeader,
    wrapper: String,
    kind: Option<String>,
    version: Option<String>,
    options: ForeignOptions,
}

impl ForeignServer {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let name: String = row.get("name")?;
        let id = ObjectId::new(class::PG_FOREIGN_SERVER, row.get("oid")?);
        let mut header = ObjectHeader::new(id, Role::ForeignServer, "SERVER", Section::PreData, name.as_str());
        header.owner = Some(row.get("owner")?);
        header.privileges = Some(Privileges { actual: row.get("acl")?, baseline: row.get("baseline")? });
        header.address = Some(Address { keyword: "SERVER", grant_keyword: "FOREIGN SERVER", sql: identifier(&name) });
        let options = ForeignOptions::decode(row)?;
        Ok(Self { header, wrapper: row.get("wrapper")?, kind: row.get("type")?, version: row.get("version")?, options })
    }
}

impl Object for ForeignServer {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE SERVER ").deparsed(self.header.sql_name());
        for (word, value) in [(" TYPE ", &self.kind), (" VERSION ", &self.version)] {
            if let Some(value) = value {
                ddl.sql(word).literal(value);
            }
        }
        ddl.sql(" FOREIGN DATA WRAPPER ").ident(&self.wrapper);
        self.options.render(ddl);
        ddl.end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP SERVER ").deparsed(self.header.sql_name()).end();
    }
}
