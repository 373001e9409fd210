//! Casts.

use crate::catalog::kind::{Record, kind_of_rows};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Repairs, Role, Section, class};
use crate::ddl::Ddl;
use crate::error::CatalogError;

kind_of_rows!(CastKind, "cast", "cast.sql", Cast);

#[derive(Debug)]
struct Cast {
    header: ObjectHeader,
    /// `e` explicit, `a` also in assignments, `i` also implicit.
    context: char,
    /// `f` by a function, `i` by way of text, `b` the bytes are the same.
    method: char,
    /// The function's signature, rendered.
    function: Option<String>,
}

impl Cast {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let types = format!("({} AS {})", row.get::<String>("source")?, row.get::<String>("target")?);
        let id = ObjectId::new(class::PG_CAST, row.get("oid")?);
        let mut header = ObjectHeader::new(id, Role::Cast, "CAST", Section::PreData, types.as_str());
        header.tag = format!("CAST {types}");
        header.address = Some(Address { keyword: "CAST", grant_keyword: "CAST", sql: types });
        Ok(Self { header, context: row.char("context")?, method: row.char("method")?, function: row.get("function")? })
    }
}

impl Object for Cast {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE CAST ").deparsed(self.header.sql_name());
        match (self.method, &self.function) {
            ('f', Some(function)) => ddl.sql(" WITH FUNCTION ").deparsed(function),
            ('i', _) => ddl.sql(" WITH INOUT"),
            _ => ddl.sql(" WITHOUT FUNCTION"),
        };
        ddl.sql(match self.context {
            'a' => " AS ASSIGNMENT",
            'i' => " AS IMPLICIT",
            _ => "",
        });
        ddl.end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP CAST ").deparsed(self.header.sql_name()).end();
    }
}
