//! Transforms between types and procedural languages.

use crate::catalog::kind::{Record, kind_of_rows};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Repairs, Role, Section, class};
use crate::ddl::{Ddl, identifier};
use crate::error::CatalogError;

kind_of_rows!(TransformKind, "transform", "transform.sql", Transform);

#[derive(Debug)]
struct Transform {
    header: ObjectHeader,
    /// The signature of the function that brings a value into the language, rendered.
    from_sql: Option<String>,
    /// The one for the way back.
    to_sql: Option<String>,
}

impl Transform {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let (data_type, language): (String, String) = (row.get("data_type")?, row.get("language")?);
        let id = ObjectId::new(class::PG_TRANSFORM, row.get("oid")?);
        let name = format!("FOR {data_type} LANGUAGE {language}");
        let mut header = ObjectHeader::new(id, Role::Transform, "TRANSFORM", Section::PreData, name);
        let sql = format!("FOR {data_type} LANGUAGE {}", identifier(&language));
        header.address = Some(Address { keyword: "TRANSFORM", grant_keyword: "TRANSFORM", sql });
        Ok(Self { header, from_sql: row.get("from_sql")?, to_sql: row.get("to_sql")? })
    }
}

impl Object for Transform {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE TRANSFORM ").deparsed(self.header.sql_name()).sql(" (");
        let functions = [("FROM SQL WITH FUNCTION ", &self.from_sql), ("TO SQL WITH FUNCTION ", &self.to_sql)];
        let given = functions.into_iter().filter_map(|(word, function)| Some((word, function.as_ref()?)));
        for (i, (word, function)) in given.enumerate() {
            ddl.sql(if i > 0 { ", " } else { "" }).sql(word).deparsed(function);
        }
        ddl.sql(")").end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP TRANSFORM ").deparsed(self.header.sql_name()).end();
    }
}
