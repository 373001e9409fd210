//! Materialized views and their refreshes.
//!
//! They are made empty, and refreshed after the privileges: a refresh runs as the owner. One that was not populated stays so,
//! and so does one that reads such a one, since its refresh would fail.

use std::collections::{HashMap, HashSet};

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::kinds::view::{column_privileges, without_semicolon};
use crate::catalog::reloptions::{render_column_options, render_with};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Part, Privileges, Repairs, Role, Section, class};
use crate::ddl::{Ddl, qualified};
use crate::error::CatalogError;
use crate::name::QualifiedName;

pub(crate) struct MaterializedViewKind;

impl ObjectKind for MaterializedViewKind {
    fn name(&self) -> &'static str {
        "materialized_view"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const {
            &[
                catalog_query!("materialized_view.sql"),
                catalog_query!("view_column.sql"),
                catalog_query!("materialized_view_column.sql"),
                catalog_query!("materialized_view_reads.sql"),
            ]
        }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        let mut privileges = column_privileges(&results[1])?;
        let mut columns: HashMap<u32, Vec<Column>> = HashMap::new();
        for row in results[2].iter() {
            columns.entry(row.get("relation")?).or_default().push(Column::decode(row)?);
        }
        let mut views = Vec::new();
        for row in results[0].iter() {
            let mut view = MaterializedView::decode(row)?;
            view.columns = columns.remove(&view.header.id.oid).unwrap_or_default();
            view.header.column_privileges = privileges.remove(&view.header.id.oid).unwrap_or_default();
            views.push(view);
        }
        let mut reads: HashMap<u32, Vec<u32>> = HashMap::new();
        for row in results[3].iter() {
            reads.entry(row.get("reader")?).or_default().push(row.get("relation")?);
        }
        push_all(views, &reads, found);
        Ok(())
    }
}

fn push_all(views: Vec<MaterializedView>, reads: &HashMap<u32, Vec<u32>>, found: &mut Found) {
    let populated: HashSet<u32> = views.iter().filter(|v| v.is_populated).map(|v| v.header.id.oid).collect();
    let unpopulated: HashSet<u32> = views.iter().filter(|v| !v.is_populated).map(|v| v.header.id.oid).collect();
    for view in views {
        let oid = view.header.id.oid;
        let read: &[u32] = reads.get(&oid).map_or(&[], Vec::as_slice);
        if populated.contains(&oid) && !read.iter().any(|relation| unpopulated.contains(relation)) {
            found.push(view.refresh(read));
        }
        found.push(ReturnRule::new(&view));
        found.push(view);
    }
}

#[derive(Debug)]
struct MaterializedView {
    header: ObjectHeader,
    rule: ObjectId,
    name: QualifiedName,
    query: String,
    is_populated: bool,
    options: Vec<String>,
    toast_options: Vec<String>,
    columns: Vec<Column>,
    depends_on_extensions: Vec<String>,
}

/// What a column has beyond the defaults.
#[derive(Debug)]
struct Column {
    name: String,
    statistics: Option<i32>,
    storage: Option<i8>,
    compression: Option<i8>,
    options: Vec<String>,
}

impl MaterializedView {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let name = QualifiedName::new(row.get::<String>("schema")?, row.get::<String>("name")?);
        Ok(Self {
            header: Self::decode_header(row, &name)?,
            rule: ObjectId::new(class::PG_REWRITE, row.get("rule")?),
            query: without_semicolon(row.get("definition")?),
            is_populated: row.get("is_populated")?,
            options: row.get("options")?,
            toast_options: row.get("toast_options")?,
            columns: Vec::new(),
            depends_on_extensions: row.get("depends_on_extensions")?,
            name,
        })
    }

    fn decode_header(row: Record<'_>, name: &QualifiedName) -> Result<ObjectHeader, CatalogError> {
        let id = ObjectId::relation(row.get("oid")?);
        let desc = "MATERIALIZED VIEW";
        let mut header = ObjectHeader::new(id, Role::MaterializedView, desc, Section::PreData, name.name.as_str());
        header.schema = Some(name.schema.clone());
        header.owner = Some(row.get("owner")?);
        header.privileges = Some(Privileges { actual: row.get("acl")?, baseline: row.get("baseline")? });
        header.address = Some(Address { keyword: desc, grant_keyword: "TABLE", sql: qualified(&name.schema, &name.name) });
        header.columns = row.get("column_names")?;
        header.tablespace = Some(row.get("tablespace")?);
        header.access_method = row.get("access_method")?;
        Ok(header)
    }

    fn refresh(&self, reads: &[u32]) -> Refresh {
        let id = self.header.id.part(Part::Refresh);
        let name = self.header.name.as_str();
        let mut header = ObjectHeader::new(id, Role::Refresh, "MATERIALIZED VIEW DATA", Section::PostData, name);
        header.schema = self.header.schema.clone();
        header.owner = self.header.owner.clone();
        header.belongs_to = Some(self.header.id);
        let reads = reads.iter().map(|oid| ObjectId::relation(*oid).part(Part::Refresh)).collect();
        Refresh { header, name: self.name.clone(), reads }
    }

    fn render_columns(&self, ddl: &mut Ddl) {
        for column in &self.columns {
            if let Some(target) = column.statistics {
                self.render_alter_column(ddl, column).sql(" SET STATISTICS ").number(target).end();
            }
            if let Some(storage) = column.storage.and_then(storage_word) {
                self.render_alter_column(ddl, column).sql(" SET STORAGE ").sql(storage).end();
            }
            if let Some(compression) = column.compression.and_then(compression_word) {
                self.render_alter_column(ddl, column).sql(" SET COMPRESSION ").sql(compression).end();
            }
            if !column.options.is_empty() {
                self.render_alter_column(ddl, column).sql(" SET (");
                render_column_options(ddl, &column.options);
                ddl.sql(")").end();
            }
        }
    }

    fn render_alter_column<'a>(&self, ddl: &'a mut Ddl, column: &Column) -> &'a mut Ddl {
        ddl.sql("ALTER TABLE ONLY ").name(&self.name).sql(" ALTER COLUMN ").ident(&column.name)
    }
}

impl Column {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        Ok(Self {
            name: row.get("name")?,
            statistics: row.get("statistics")?,
            storage: row.get("storage")?,
            compression: row.get("compression")?,
            options: row.get("options")?,
        })
    }
}

fn storage_word(storage: i8) -> Option<&'static str> {
    match storage.cast_unsigned() {
        b'p' => Some("PLAIN"),
        b'e' => Some("EXTERNAL"),
        b'm' => Some("MAIN"),
        b'x' => Some("EXTENDED"),
        _ => None,
    }
}

fn compression_word(method: i8) -> Option<&'static str> {
    match method.cast_unsigned() {
        b'p' => Some("pglz"),
        b'l' => Some("lz4"),
        _ => None,
    }
}

impl Object for MaterializedView {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE MATERIALIZED VIEW ").name(&self.name);
        render_with(ddl, "\n", &self.options, &self.toast_options);
        ddl.sql(" AS\n").deparsed(&self.query).sql("\n  WITH NO DATA").end();
        self.render_columns(ddl);
        for extension in &self.depends_on_extensions {
            ddl.sql("ALTER MATERIALIZED VIEW ").name(&self.name).sql(" DEPENDS ON EXTENSION ").ident(extension).end();
        }
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP MATERIALIZED VIEW ").name(&self.name).end();
    }

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        vec![(self.header.id, self.rule)]
    }
}

/// The rule that holds a materialized view's query. Never an entry: it only carries dependencies.
#[derive(Debug)]
struct ReturnRule {
    header: ObjectHeader,
}

impl ReturnRule {
    fn new(view: &MaterializedView) -> Self {
        let role = Role::Rule { relation: view.header.id, is_view: true };
        let mut header = ObjectHeader::new(view.rule, role, "RULE", Section::PostData, "_RETURN");
        header.schema = view.header.schema.clone();
        header.tie_break = view.header.name.clone();
        header.tag = format!("{} _RETURN", view.header.name);
        header.belongs_to = Some(view.header.id);
        Self { header }
    }
}

impl Object for ReturnRule {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn is_entry(&self, _repairs: &Repairs) -> bool {
        false
    }

    fn render_create(&self, _ddl: &mut Ddl, _repairs: &Repairs) {}

    fn render_drop(&self, _ddl: &mut Ddl, _repairs: &Repairs) {}
}

/// `REFRESH MATERIALIZED VIEW`, after those that it reads.
#[derive(Debug)]
struct Refresh {
    header: ObjectHeader,
    name: QualifiedName,
    reads: Vec<ObjectId>,
}

impl Object for Refresh {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("REFRESH MATERIALIZED VIEW ").name(&self.name).end();
    }

    fn render_drop(&self, _ddl: &mut Ddl, _repairs: &Repairs) {}

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        let view = self.header.id.part(Part::Itself);
        self.reads.iter().chain([&view]).map(|read| (self.header.id, *read)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(oid: u32, is_populated: bool) -> MaterializedView {
        let id = ObjectId::relation(oid);
        MaterializedView {
            header: ObjectHeader::new(id, Role::MaterializedView, "MATERIALIZED VIEW", Section::PreData, oid.to_string()),
            rule: ObjectId::new(class::PG_REWRITE, oid),
            name: QualifiedName::new("public", "m"),
            query: " SELECT 1".into(),
            is_populated,
            options: Vec::new(),
            toast_options: Vec::new(),
            columns: Vec::new(),
            depends_on_extensions: Vec::new(),
        }
    }

    #[test]
    fn a_view_over_an_unpopulated_one_is_not_refreshed() {
        let mut found = Found::default();
        let reads = HashMap::from([(2, vec![1]), (4, vec![3])]);
        push_all(vec![view(1, true), view(2, true), view(3, false), view(4, true)], &reads, &mut found);
        let refreshes = found.objects.iter().filter(|object| object.header().role == Role::Refresh);
        let refreshed: Vec<_> = refreshes.map(|object| (object.header().id.oid, object.dependencies())).collect();
        let refresh = |oid| ObjectId::relation(oid).part(Part::Refresh);
        let expected = vec![
            (1, vec![(refresh(1), ObjectId::relation(1))]),
            (2, vec![(refresh(2), refresh(1)), (refresh(2), ObjectId::relation(2))]),
        ];
        assert_eq!(refreshed, expected);
    }
}
