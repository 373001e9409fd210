//! Text search: parsers and templates, which are made of functions, and dictionaries and configurations, which are made of those.

mod configuration;

use crate::catalog::kind::{Record, kind_of_rows};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Repairs, Role, Section, class};
use crate::ddl::{Ddl, qualified};
use crate::error::CatalogError;

pub(crate) use configuration::TextSearchConfigurationKind;

kind_of_rows!(TextSearchParserKind, "text_search_parser", "parser.sql", Parser);
kind_of_rows!(TextSearchTemplateKind, "text_search_template", "template.sql", Template);
kind_of_rows!(TextSearchDictionaryKind, "text_search_dictionary", "dictionary.sql", Dictionary);

/// A header with what all four have: `oid`, `schema` and `name`.
fn decode_header(row: Record<'_>, class: u32, role: Role, keyword: &'static str) -> Result<ObjectHeader, CatalogError> {
    let (schema, name) = (row.get::<String>("schema")?, row.get::<String>("name")?);
    let mut header = ObjectHeader::new(ObjectId::new(class, row.get("oid")?), role, keyword, Section::PreData, name.as_str());
    header.address = Some(Address { keyword, grant_keyword: keyword, sql: qualified(&schema, &name) });
    header.schema = Some(schema);
    Ok(header)
}

/// `CREATE … name (` and every part that is given, one a line.
fn render_parts<'a>(ddl: &mut Ddl, header: &ObjectHeader, parts: impl IntoIterator<Item = (&'static str, &'a Option<String>)>) {
    ddl.sql("CREATE ").sql(header.desc).sql(" ").deparsed(header.sql_name()).sql(" (\n");
    let given = parts.into_iter().filter_map(|(word, value)| Some((word, value.as_ref()?)));
    for (i, (word, value)) in given.enumerate() {
        ddl.sql(if i > 0 { ",\n    " } else { "    " }).sql(word).deparsed(value);
    }
    ddl.sql(" )").end();
}

fn render_drop(ddl: &mut Ddl, header: &ObjectHeader) {
    ddl.sql("DROP ").sql(header.desc).sql(" ").deparsed(header.sql_name()).end();
}

#[derive(Debug)]
struct Parser {
    header: ObjectHeader,
    parts: [(&'static str, Option<String>); 5],
}

impl Parser {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let header = decode_header(row, class::PG_TS_PARSER, Role::TextSearchParser, "TEXT SEARCH PARSER")?;
        let parts = [
            ("START = ", row.get("start")?),
            ("GETTOKEN = ", row.get("get_token")?),
            ("END = ", row.get("finish")?),
            ("HEADLINE = ", row.get("headline")?),
            ("LEXTYPES = ", row.get("token_types")?),
        ];
        Ok(Self { header, parts })
    }
}

impl Object for Parser {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        render_parts(ddl, &self.header, self.parts.iter().map(|(word, value)| (*word, value)));
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        render_drop(ddl, &self.header);
    }
}

#[derive(Debug)]
struct Template {
    header: ObjectHeader,
    init: Option<String>,
    lexize: Option<String>,
}

impl Template {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let header = decode_header(row, class::PG_TS_TEMPLATE, Role::TextSearchTemplate, "TEXT SEARCH TEMPLATE")?;
        Ok(Self { header, init: row.get("init")?, lexize: row.get("lexize")? })
    }
}

impl Object for Template {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        render_parts(ddl, &self.header, [("INIT = ", &self.init), ("LEXIZE = ", &self.lexize)]);
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        render_drop(ddl, &self.header);
    }
}

#[derive(Debug)]
struct Dictionary {
    header: ObjectHeader,
    template: Option<String>,
    /// `name = value, …`: SQL, as the server keeps it.
    options: Option<String>,
}

impl Dictionary {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let mut header = decode_header(row, class::PG_TS_DICT, Role::TextSearchDictionary, "TEXT SEARCH DICTIONARY")?;
        header.owner = Some(row.get("owner")?);
        Ok(Self { header, template: row.get("template")?, options: row.get("options")? })
    }
}

impl Object for Dictionary {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        render_parts(ddl, &self.header, [("TEMPLATE = ", &self.template), ("", &self.options)]);
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        render_drop(ddl, &self.header);
    }
}
