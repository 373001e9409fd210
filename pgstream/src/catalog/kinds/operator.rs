//! Operators.
//!
//! A commutator or negator that does not exist yet is made by the server as a shell, and filled when its own turn comes.

use crate::catalog::kind::{Record, kind_of_rows};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Repairs, Role, Section, class};
use crate::ddl::{Ddl, identifier};
use crate::error::CatalogError;

kind_of_rows!(OperatorKind, "operator", "operator.sql", Operator);

#[derive(Debug)]
struct Operator {
    header: ObjectHeader,
    /// `public.===`, rendered: an operator's name is never quoted.
    name: String,
    function: String,
    left_type: Option<String>,
    right_type: Option<String>,
    commutator: Option<String>,
    negator: Option<String>,
    can_merge: bool,
    can_hash: bool,
    restriction_estimator: Option<String>,
    join_estimator: Option<String>,
}

impl Operator {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let (schema, symbol) = (row.get::<String>("schema")?, row.get::<String>("name")?);
        let name = format!("{}.{symbol}", identifier(&schema));
        let (left_type, right_type): (Option<String>, Option<String>) = (row.get("left_type")?, row.get("right_type")?);
        let or_none = |data_type: &Option<String>| data_type.as_deref().unwrap_or("NONE").to_owned();
        let types = format!("({}, {})", or_none(&left_type), or_none(&right_type));
        let id = ObjectId::new(class::PG_OPERATOR, row.get("oid")?);
        let mut header = ObjectHeader::new(id, Role::Operator, "OPERATOR", Section::PreData, symbol);
        header.schema = Some(schema);
        header.owner = Some(row.get("owner")?);
        header.address = Some(Address { keyword: "OPERATOR", grant_keyword: "OPERATOR", sql: format!("{name} {types}") });
        header.tie_break = types;
        Ok(Self {
            header,
            name,
            function: row.get("function")?,
            left_type,
            right_type,
            commutator: row.get("commutator")?,
            negator: row.get("negator")?,
            can_merge: row.get("can_merge")?,
            can_hash: row.get("can_hash")?,
            restriction_estimator: row.get("restriction_estimator")?,
            join_estimator: row.get("join_estimator")?,
        })
    }
}

/// `,` and `    WORD = value` on a line of its own.
fn render_parameter(ddl: &mut Ddl, word: &'static str, value: Option<&str>) {
    if let Some(value) = value {
        ddl.sql(",\n    ").sql(word).sql(" = ").deparsed(value);
    }
}

/// `,` and `    WORD = OPERATOR(value)` on a line of its own.
fn render_operator(ddl: &mut Ddl, word: &'static str, value: Option<&str>) {
    if let Some(value) = value {
        ddl.sql(",\n    ").sql(word).sql(" = OPERATOR(").deparsed(value).sql(")");
    }
}

impl Object for Operator {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE OPERATOR ").deparsed(&self.name).sql(" (\n    FUNCTION = ").deparsed(&self.function);
        render_parameter(ddl, "LEFTARG", self.left_type.as_deref());
        render_parameter(ddl, "RIGHTARG", self.right_type.as_deref());
        render_operator(ddl, "COMMUTATOR", self.commutator.as_deref());
        render_operator(ddl, "NEGATOR", self.negator.as_deref());
        ddl.sql(if self.can_merge { ",\n    MERGES" } else { "" });
        ddl.sql(if self.can_hash { ",\n    HASHES" } else { "" });
        render_parameter(ddl, "RESTRICT", self.restriction_estimator.as_deref());
        render_parameter(ddl, "JOIN", self.join_estimator.as_deref());
        ddl.sql("\n)").end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP OPERATOR ").deparsed(self.header.sql_name()).end();
    }
}
