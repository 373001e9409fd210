//! Procedural languages. Those of extensions come with the extension.

use crate::catalog::kind::{Record, kind_of_rows};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Privileges, Repairs, Role, Section, class};
use crate::ddl::{Ddl, identifier};
use crate::error::CatalogError;

kind_of_rows!(LanguageKind, "language", "language.sql", Language);

#[derive(Debug)]
struct Language {
    header: ObjectHeader,
    is_trusted: bool,
    /// Rendered; `None` if it is a function of the server's own, and so the server knows what belongs to the language.
    handler: Option<String>,
    inline: Option<String>,
    validator: Option<String>,
}

impl Language {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let name: String = row.get("name")?;
        let is_trusted = row.get("is_trusted")?;
        let id = ObjectId::new(class::PG_LANGUAGE, row.get("oid")?);
        let mut header = ObjectHeader::new(id, Role::Language, "PROCEDURAL LANGUAGE", Section::PreData, name.as_str());
        let sql = identifier(&name);
        header.address = Some(Address { keyword: "LANGUAGE", grant_keyword: "LANGUAGE", sql });
        header.owner = Some(row.get("owner")?);
        // Nobody can be granted anything on a language that is not trusted.
        if is_trusted {
            header.privileges = Some(Privileges { actual: row.get("acl")?, baseline: row.get("baseline")? });
        }
        let (handler, inline, validator) = (row.get("handler")?, row.get("inline")?, row.get("validator")?);
        Ok(Self { header, is_trusted, handler, inline, validator })
    }
}

impl Object for Language {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        let Some(handler) = &self.handler else {
            ddl.sql("CREATE OR REPLACE PROCEDURAL LANGUAGE ").deparsed(self.header.sql_name()).end();
            return;
        };
        ddl.sql(if self.is_trusted { "CREATE TRUSTED PROCEDURAL LANGUAGE " } else { "CREATE PROCEDURAL LANGUAGE " });
        ddl.deparsed(self.header.sql_name()).sql(" HANDLER ").deparsed(handler);
        for (word, function) in [(" INLINE ", &self.inline), (" VALIDATOR ", &self.validator)] {
            if let Some(function) = function {
                ddl.sql(word).deparsed(function);
            }
        }
        ddl.end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP PROCEDURAL LANGUAGE ").deparsed(self.header.sql_name()).end();
    }
}
