//! Views and their `_RETURN` rules.
//!
//! In the catalog a view depends on nothing: its rule does. The rule is an object of its own here, so that loops can be seen,
//! but an entry only when its view is first made as a row of nulls.

use std::collections::HashMap;
use std::sync::Arc;

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::reloptions::render_with;
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Privileges, Repairs, Role, Section, class};
use crate::ddl::{Ddl, qualified};
use crate::error::CatalogError;
use crate::name::QualifiedName;

pub(crate) struct ViewKind;

impl ObjectKind for ViewKind {
    fn name(&self) -> &'static str {
        "view"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const { &[catalog_query!("view.sql"), catalog_query!("view_column.sql")] }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        let mut privileges = column_privileges(&results[1])?;
        for row in results[0].iter() {
            let mut view = View::decode(row)?;
            view.header.column_privileges = privileges.remove(&view.header.id.oid).unwrap_or_default();
            found.push(ViewRule::new(&view));
            found.push(view);
        }
        Ok(())
    }
}

type ColumnPrivileges = HashMap<u32, Vec<(String, Privileges)>>;

/// The privileges of columns, by relation, from `view_column.sql`.
///
/// # Errors
/// [`CatalogError::Decode`] if a column is missing.
pub(super) fn column_privileges(rows: &Rows) -> Result<ColumnPrivileges, CatalogError> {
    let mut privileges: ColumnPrivileges = HashMap::new();
    for row in rows.iter() {
        let column = Privileges { actual: Some(row.get("acl")?), baseline: Vec::new() };
        privileges.entry(row.get("relation")?).or_default().push((row.get("name")?, column));
    }
    Ok(privileges)
}

#[derive(Debug)]
struct View {
    header: ObjectHeader,
    rule: ObjectId,
    definition: Arc<Definition>,
}

/// What a view and its rule both know.
#[derive(Debug)]
struct Definition {
    name: QualifiedName,
    query: String,
    options: Vec<String>,
    check_option: Option<String>,
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    name: String,
    type_name: String,
    /// Rendered; empty for the type's own collation.
    collation: String,
}

impl View {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let definition = Definition::decode(row)?;
        let name = &definition.name;
        let id = ObjectId::relation(row.get("oid")?);
        let mut header = ObjectHeader::new(id, Role::View, "VIEW", Section::PreData, name.name.as_str());
        header.schema = Some(name.schema.clone());
        header.owner = Some(row.get("owner")?);
        header.privileges = Some(Privileges { actual: row.get("acl")?, baseline: row.get("baseline")? });
        header.address = Some(Address { keyword: "VIEW", grant_keyword: "TABLE", sql: qualified(&name.schema, &name.name) });
        header.columns = definition.columns.iter().map(|column| column.name.clone()).collect();
        Ok(Self { header, rule: ObjectId::new(class::PG_REWRITE, row.get("rule")?), definition: Arc::new(definition) })
    }
}

impl Definition {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let names: Vec<String> = row.get("column_names")?;
        let types: Vec<String> = row.get("column_types")?;
        let collations: Vec<String> = row.get("column_collations")?;
        let columns = names.into_iter().zip(types).zip(collations);
        Ok(Self {
            name: QualifiedName::new(row.get::<String>("schema")?, row.get::<String>("name")?),
            query: without_semicolon(row.get("definition")?),
            options: row.get("options")?,
            check_option: row.get("check_option")?,
            columns: columns.map(|((name, type_name), collation)| Column { name, type_name, collation }).collect(),
        })
    }

    /// What stands behind `CREATE [OR REPLACE] VIEW `.
    fn render(&self, ddl: &mut Ddl) {
        ddl.name(&self.name);
        render_with(ddl, " ", &self.options, &[]);
        ddl.sql(" AS\n").deparsed(&self.query);
        match self.check_option.as_deref() {
            Some("local") => ddl.sql("\n  WITH LOCAL CHECK OPTION"),
            Some(_) => ddl.sql("\n  WITH CASCADED CHECK OPTION"),
            None => ddl,
        };
        ddl.end();
    }

    /// The same with a row of nulls: right for all that only wants to know the columns.
    fn render_dummy(&self, ddl: &mut Ddl) {
        ddl.name(&self.name).sql(" AS\nSELECT");
        for (i, column) in self.columns.iter().enumerate() {
            ddl.sql(if i > 0 { ",\n    NULL::" } else { "\n    NULL::" }).deparsed(&column.type_name);
            if !column.collation.is_empty() {
                ddl.sql(" COLLATE ").deparsed(&column.collation);
            }
            ddl.sql(" AS ").ident(&column.name);
        }
        ddl.end();
    }
}

/// `pg_get_viewdef` ends its text with a semicolon; what may follow a query comes before that.
pub(super) fn without_semicolon(mut query: String) -> String {
    if query.ends_with(';') {
        query.pop();
    }
    query
}

impl Object for View {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, repairs: &Repairs) {
        ddl.sql("CREATE VIEW ");
        match repairs.dummy_views.contains(&self.header.id) {
            true => self.definition.render_dummy(ddl),
            false => self.definition.render(ddl),
        }
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP VIEW ").name(&self.definition.name).end();
    }

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        vec![(self.header.id, self.rule)]
    }
}

/// The rule that makes a relation a view.
#[derive(Debug)]
struct ViewRule {
    header: ObjectHeader,
    view: ObjectId,
    definition: Arc<Definition>,
}

impl ViewRule {
    fn new(view: &View) -> Self {
        let role = Role::Rule { relation: view.header.id, is_view: true };
        let mut header = ObjectHeader::new(view.rule, role, "RULE", Section::PostData, "_RETURN");
        header.schema = view.header.schema.clone();
        header.tie_break = view.header.name.clone();
        header.tag = format!("{} _RETURN", view.header.name);
        header.belongs_to = Some(view.header.id);
        Self { header, view: view.header.id, definition: view.definition.clone() }
    }
}

impl Object for ViewRule {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn is_entry(&self, repairs: &Repairs) -> bool {
        repairs.dummy_views.contains(&self.view)
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE OR REPLACE VIEW ");
        self.definition.render(ddl);
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE OR REPLACE VIEW ");
        self.definition.render_dummy(ddl);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition() -> Definition {
        let column = |name: &str, type_name: &str, collation: &str| Column {
            name: name.into(),
            type_name: type_name.into(),
            collation: collation.into(),
        };
        Definition {
            name: QualifiedName::new("public", "V"),
            query: " SELECT 1".into(),
            options: vec!["security_barrier=true".into()],
            check_option: Some("local".into()),
            columns: vec![column("id", "integer", ""), column("Name", "text", "pg_catalog.\"C\"")],
        }
    }

    #[test]
    fn a_view_keeps_its_options() {
        let mut ddl = Ddl::new();
        definition().render(&mut ddl);
        let expected = "public.\"V\" WITH (security_barrier='true') AS\n SELECT 1\n  WITH LOCAL CHECK OPTION;\n";
        assert_eq!(ddl.as_str(), expected);
    }

    #[test]
    fn a_dummy_view_has_the_columns_and_nothing_else() {
        let mut ddl = Ddl::new();
        definition().render_dummy(&mut ddl);
        let columns = "    NULL::integer AS id,\n    NULL::text COLLATE pg_catalog.\"C\" AS \"Name\"";
        assert_eq!(ddl.as_str(), format!("public.\"V\" AS\nSELECT\n{columns};\n"));
    }

    #[test]
    fn a_dummy_view_without_columns_is_still_a_view() {
        let mut ddl = Ddl::new();
        Definition { columns: Vec::new(), ..definition() }.render_dummy(&mut ddl);
        assert_eq!(ddl.as_str(), "public.\"V\" AS\nSELECT;\n");
    }

    #[test]
    fn only_the_last_semicolon_is_taken_away() {
        assert_eq!(without_semicolon("SELECT ';';".into()), "SELECT ';'");
        assert_eq!(without_semicolon("SELECT 1".into()), "SELECT 1");
    }
}
