//! Which dictionaries a word passes, by the type of token that the parser says it is.

use crate::catalog::kind::{Record, kind_of_rows};
use crate::catalog::{Object, ObjectHeader, Repairs, Role, class};
use crate::ddl::Ddl;
use crate::error::CatalogError;

kind_of_rows!(TextSearchConfigurationKind, "text_search_configuration", "configuration.sql", Configuration);

#[derive(Debug)]
struct Configuration {
    header: ObjectHeader,
    parser: Option<String>,
    /// Token types, and the dictionaries of each, rendered.
    mappings: Vec<(String, String)>,
}

impl Configuration {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let (class, role) = (class::PG_TS_CONFIG, Role::TextSearchConfiguration);
        let mut header = super::decode_header(row, class, role, "TEXT SEARCH CONFIGURATION")?;
        header.owner = Some(row.get("owner")?);
        let (tokens, dictionaries): (Vec<String>, Vec<String>) = (row.get("tokens")?, row.get("dictionaries")?);
        Ok(Self { header, parser: row.get("parser")?, mappings: tokens.into_iter().zip(dictionaries).collect() })
    }
}

impl Object for Configuration {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        super::render_parts(ddl, &self.header, [("PARSER = ", &self.parser)]);
        for (token, dictionaries) in &self.mappings {
            ddl.sql("\nALTER TEXT SEARCH CONFIGURATION ").deparsed(self.header.sql_name());
            ddl.sql("\n    ADD MAPPING FOR ").ident(token).sql(" WITH ").deparsed(dictionaries).end();
        }
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        super::render_drop(ddl, &self.header);
    }
}
