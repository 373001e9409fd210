//! Foreign data wrappers.

use crate::catalog::kind::{Record, kind_of_rows};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Privileges, Repairs, Role, Section, class};
use crate::ddl::{Ddl, identifier};
use crate::error::CatalogError;

kind_of_rows!(ForeignDataWrapperKind, "foreign_data_wrapper", "foreign_data_wrapper.sql", ForeignDataWrapper);

/// Options of a wrapper, a server, a foreign table, by name: `OPTIONS (name 'value', …)`.
#[derive(Debug)]
pub(super) struct ForeignOptions(Vec<(String, String)>);

impl ForeignOptions {
    /// From the columns `option_names` and `option_values`.
    ///
    /// # Errors
    /// [`CatalogError::Decode`] if one is missing.
    pub(super) fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let (names, values): (Vec<String>, Vec<String>) = (row.get("option_names")?, row.get("option_values")?);
        Ok(Self(names.into_iter().zip(values).collect()))
    }

    /// Appends ` OPTIONS (…)`; nothing if there are none.
    pub(super) fn render(&self, ddl: &mut Ddl) {
        for (i, (name, value)) in self.0.iter().enumerate() {
            ddl.sql(if i > 0 { ",\n    " } else { " OPTIONS (\n    " }).ident(name).sql(" ").literal(value);
        }
        ddl.sql(if self.0.is_empty() { "" } else { "\n)" });
    }
}

#[derive(Debug)]
struct ForeignDataWrapper {
    header: ObjectHeader,
    handler: Option<String>,
    validator: Option<String>,
    options: ForeignOptions,
}

impl ForeignDataWrapper {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let name: String = row.get("name")?;
        let keyword = "FOREIGN DATA WRAPPER";
        let id = ObjectId::new(class::PG_FOREIGN_DATA_WRAPPER, row.get("oid")?);
        let mut header = ObjectHeader::new(id, Role::ForeignDataWrapper, keyword, Section::PreData, name.as_str());
        header.owner = Some(row.get("owner")?);
        header.privileges = Some(Privileges { actual: row.get("acl")?, baseline: row.get("baseline")? });
        header.address = Some(Address { keyword, grant_keyword: keyword, sql: identifier(&name) });
        let options = ForeignOptions::decode(row)?;
        Ok(Self { header, handler: row.get("handler")?, validator: row.get("validator")?, options })
    }
}

impl Object for ForeignDataWrapper {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE FOREIGN DATA WRAPPER ").deparsed(self.header.sql_name());
        for (word, function) in [(" HANDLER ", &self.handler), (" VALIDATOR ", &self.validator)] {
            if let Some(function) = function {
                ddl.sql(word).deparsed(function);
            }
        }
        self.options.render(ddl);
        ddl.end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP FOREIGN DATA WRAPPER ").deparsed(self.header.sql_name()).end();
    }
}
