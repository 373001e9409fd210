//! Tables: plain, partitioned, typed, unlogged, children and partitions, with their columns, defaults, checks and rows.
//!
//! A partition is made as a table of its own with all columns and checks, and attached afterwards: so its columns keep their
//! order. A child lists only what it adds to its parents.

mod attach;
mod check;
mod column;
mod default;
mod row_security;
mod rows;

use std::collections::{HashMap, HashSet};

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::reloptions::render_with;
use crate::catalog::{Address, LoadThrough, Object, ObjectHeader, ObjectId, Privileges, Repairs, Role, Section};
use crate::ddl::{Ddl, qualified};
use crate::error::CatalogError;
use crate::name::QualifiedName;

use self::attach::TableAttach;
use self::check::{Check, CheckedTable, CommentedNotNull, InlineCheck};
use self::column::{Column, ColumnContext, Columns, ParentColumns, Placement};
use self::default::Default;
use self::row_security::RowSecurity;
use self::rows::TableRows;

pub(crate) struct TableKind;

impl ObjectKind for TableKind {
    fn name(&self) -> &'static str {
        "table"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const {
            &[
                catalog_query!("table.sql"),
                catalog_query!("column.sql"),
                catalog_query!("default.sql"),
                catalog_query!("check.sql"),
                catalog_query!("inherit.sql"),
            ]
        }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        let [tables, columns, defaults, checks, parents] = results else { return Ok(()) };
        let tables: Vec<Table> = tables.iter().map(Table::decode).collect::<Result<_, _>>()?;
        let mut tables = Tables::new(tables);
        for row in parents.iter() {
            if let Some(table) = tables.get_mut(row.get("relation")?) {
                table.parents.push(Parent::decode(row)?);
            }
        }
        add_columns(&mut tables.all, columns, defaults)?;
        for row in defaults.iter() {
            found.objects.extend(decode_default(row, tables.get_mut(row.get("relation")?))?);
        }
        add_checks(&mut tables, columns, checks, found)?;
        for table in tables.all {
            table.push_all(found);
        }
        Ok(())
    }
}

/// The held tables, and where each stands.
#[derive(Debug)]
struct Tables {
    all: Vec<Table>,
    positions: HashMap<u32, usize>,
}

impl Tables {
    fn new(all: Vec<Table>) -> Self {
        let positions = all.iter().enumerate().map(|(i, table)| (table.oid(), i)).collect();
        Self { all, positions }
    }

    fn get_mut(&mut self, oid: u32) -> Option<&mut Table> {
        self.positions.get(&oid).map(|i| &mut self.all[*i])
    }
}

/// Adds the checks to their tables and, for their comments, to `found`; and there the not-null constraints with a comment.
fn add_checks(tables: &mut Tables, columns: &Rows, checks: &Rows, found: &mut Found) -> Result<(), CatalogError> {
    for row in columns.iter() {
        let Some(oid) = row.get::<Option<u32>>("commented_not_null")? else { continue };
        if let Some(table) = tables.get_mut(row.get("relation")?) {
            found.push(CommentedNotNull::new(oid, row.get("not_null_name")?, table.as_checked()));
        }
    }
    for row in checks.iter() {
        if let Some(table) = tables.get_mut(row.get("relation")?) {
            let check = Check::decode(row, table.as_checked())?;
            table.checks.extend(check.inline());
            found.push(check);
        }
    }
    Ok(())
}

fn add_columns(tables: &mut [Table], columns: &Rows, defaults: &Rows) -> Result<(), CatalogError> {
    let names = tables.iter().map(|table| (table.oid(), table.name.name.clone())).collect();
    let mut columns: Columns = column::decode_columns(columns, &names)?;
    column::place_defaults(defaults, &mut columns)?;
    let parents: HashSet<u32> = tables.iter().flat_map(|table| table.parents.iter().map(|parent| parent.oid)).collect();
    let parents: Columns = parents.into_iter().filter_map(|oid| Some((oid, columns.get(&oid)?.clone()))).collect();
    let above = ParentColumns::new(&parents);
    for table in tables {
        let mut own: Vec<Column> = columns.remove(&table.oid()).unwrap_or_default();
        let parents: Vec<u32> = table.parents.iter().map(|parent| parent.oid).collect();
        for column in &mut own {
            column::inherit(column, table.is_partition, &parents, &above);
        }
        table.set_columns(own);
    }
    Ok(())
}

/// A default of a held table or view. `None` for one of a parent that is not held.
fn decode_default(row: Record<'_>, table: Option<&mut Table>) -> Result<Option<Box<dyn Object>>, CatalogError> {
    let Some(table) = table else {
        let is_view = row.char("relkind")? == 'v';
        return Ok(match is_view {
            true => Some(Box::new(Default::decode(row, Placement::Separate, false)?)),
            false => None,
        });
    };
    let number = usize::from(row.get::<i16>("number")?.unsigned_abs());
    let Some(column) = table.columns.get(number - 1) else { return Ok(None) };
    let placement = column.default.as_ref().map_or(Placement::Inline, |default| default.placement);
    Ok(Some(Box::new(Default::decode(row, placement, column.generation.is_some())?)))
}

#[derive(Debug)]
struct Table {
    header: ObjectHeader,
    name: QualifiedName,
    relkind: char,
    is_unlogged: bool,
    is_partition: bool,
    /// `FOR VALUES …` or `DEFAULT`.
    bound: Option<String>,
    /// `RANGE (…)` and its like.
    partition_key: Option<String>,
    of_type: Option<String>,
    options: Vec<String>,
    toast_options: Vec<String>,
    replica_identity: char,
    has_row_security: bool,
    forces_row_security: bool,
    /// The access method that a partitioned table gives its partitions.
    partition_access_method: Option<String>,
    pages: u64,
    bytes: u64,
    /// Where the rows of a partition go when a partition key hashes oids, with the topmost table's identity.
    through: Option<(ObjectId, LoadThrough)>,
    parents: Vec<Parent>,
    columns: Vec<Column>,
    checks: Vec<InlineCheck>,
}

#[derive(Debug, Clone)]
struct Parent {
    oid: u32,
    name: QualifiedName,
}

impl Parent {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let name = QualifiedName::new(row.get::<String>("parent_schema")?, row.get::<String>("parent_name")?);
        Ok(Self { oid: row.get("parent")?, name })
    }
}

impl Table {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let name = QualifiedName::new(row.get::<String>("schema")?, row.get::<String>("name")?);
        let relkind = row.char("relkind")?;
        let access_method: Option<String> = row.get("access_method")?;
        let is_partitioned = relkind == 'p';
        let mut header = Self::decode_header(row, &name)?;
        header.access_method = access_method.clone().filter(|_| !is_partitioned);
        Ok(Self {
            header,
            relkind,
            is_unlogged: row.char("persistence")? == 'u' && !is_partitioned,
            is_partition: row.get("is_partition")?,
            bound: row.get("bound")?,
            partition_key: row.get("partition_key")?,
            of_type: row.get("of_type")?,
            options: row.get::<Option<_>>("options")?.unwrap_or_default(),
            toast_options: row.get::<Option<_>>("toast_options")?.unwrap_or_default(),
            replica_identity: row.char("replica_identity")?,
            has_row_security: row.get("has_row_security")?,
            forces_row_security: row.get("forces_row_security")?,
            partition_access_method: access_method.filter(|_| is_partitioned),
            pages: row.get::<i64>("pages")?.unsigned_abs(),
            bytes: row.get::<i64>("bytes")?.unsigned_abs(),
            through: decode_through(row)?,
            parents: Vec::new(),
            columns: Vec::new(),
            checks: Vec::new(),
            name,
        })
    }

    fn decode_header(row: Record<'_>, name: &QualifiedName) -> Result<ObjectHeader, CatalogError> {
        let id = ObjectId::relation(row.get("oid")?);
        let mut header = ObjectHeader::new(id, Role::Table, "TABLE", Section::PreData, name.name.as_str());
        header.schema = Some(name.schema.clone());
        header.owner = Some(row.get("owner")?);
        header.privileges = Some(Privileges { actual: row.get("acl")?, baseline: row.get("baseline")? });
        header.tablespace = Some(row.get("tablespace")?);
        header.address = Some(Address { keyword: "TABLE", grant_keyword: "TABLE", sql: qualified(&name.schema, &name.name) });
        Ok(header)
    }

    fn oid(&self) -> u32 {
        self.header.id.oid
    }

    fn owner(&self) -> &str {
        self.header.owner.as_deref().unwrap_or_default()
    }

    fn as_checked(&self) -> CheckedTable<'_> {
        CheckedTable { id: self.header.id, name: &self.name, owner: self.owner(), is_partition: self.is_partition }
    }

    fn set_columns(&mut self, columns: Vec<Column>) {
        self.header.columns = columns.iter().map(|c| if c.is_dropped { String::new() } else { c.name.clone() }).collect();
        self.header.column_privileges = columns
            .iter()
            .filter(|c| !c.is_dropped && c.acl.is_some())
            // A column has no privileges of its own to begin with: acldefault('c', …) is empty.
            .map(|c| (c.name.clone(), Privileges { actual: c.acl.clone(), baseline: Vec::new() }))
            .collect();
        self.columns = columns;
    }

    /// Pushes the table with what is an entry beside it.
    fn push_all(self, found: &mut Found) {
        if let (true, Some(bound), Some(parent)) = (self.is_partition, &self.bound, self.parents.first()) {
            let parent = (ObjectId::relation(parent.oid), parent.name.clone());
            found.push(TableAttach::new(&self.header, self.name.clone(), parent, bound.clone()));
        }
        if self.has_row_security {
            found.push(RowSecurity::new(&self.header, self.name.clone()));
        }
        if self.relkind == 'r' {
            found.push(TableRows::new(&self));
        }
        found.push(self);
    }

    fn render_list(&self, ddl: &mut Ddl, repairs: &Repairs) {
        let is_typed = self.of_type.is_some();
        let mut context = ColumnContext { is_partition: self.is_partition, is_typed, repairs, is_first: true };
        for column in &self.columns {
            if column.render(ddl, &context) {
                context.is_first = false;
            }
        }
        for check in self.checks.iter().filter(|check| !repairs.is_separate(check.id)) {
            context.render_separator(ddl);
            check.render(ddl);
            context.is_first = false;
        }
        match (context.is_first, is_typed) {
            (false, _) => ddl.sql("\n)"),
            (true, false) => ddl.sql(" (\n)"),
            (true, true) => ddl,
        };
    }

    fn render_inherits(&self, ddl: &mut Ddl) {
        if self.is_partition || self.parents.is_empty() {
            return;
        }
        ddl.sql("\nINHERITS (");
        for (i, parent) in self.parents.iter().enumerate() {
            ddl.sql(if i > 0 { ", " } else { "" }).name(&parent.name);
        }
        ddl.sql(")");
    }

    fn render_properties(&self, ddl: &mut Ddl) {
        for column in &self.columns {
            column.render_properties(ddl, &self.name, self.is_partition);
        }
        match self.replica_identity {
            'n' => {
                ddl.sql("ALTER TABLE ONLY ").name(&self.name).sql(" REPLICA IDENTITY NOTHING").end();
            }
            'f' => {
                ddl.sql("ALTER TABLE ONLY ").name(&self.name).sql(" REPLICA IDENTITY FULL").end();
            }
            _ => {}
        }
        if self.forces_row_security {
            ddl.sql("ALTER TABLE ONLY ").name(&self.name).sql(" FORCE ROW LEVEL SECURITY").end();
        }
        if let Some(access_method) = &self.partition_access_method {
            ddl.sql("ALTER TABLE ").name(&self.name).sql(" SET ACCESS METHOD ").ident(access_method).end();
        }
    }
}

fn decode_through(row: Record<'_>) -> Result<Option<(ObjectId, LoadThrough)>, CatalogError> {
    let Some(oid) = row.get::<Option<u32>>("root_oid")? else { return Ok(None) };
    let root = QualifiedName::new(row.get::<String>("root_schema")?, row.get::<String>("root_name")?);
    let subtree = QualifiedName::new(row.get::<String>("through_schema")?, row.get::<String>("through_name")?);
    Ok(Some((ObjectId::relation(oid), LoadThrough { root, subtree })))
}

impl Object for Table {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, repairs: &Repairs) {
        ddl.sql(if self.is_unlogged { "CREATE UNLOGGED TABLE " } else { "CREATE TABLE " }).name(&self.name);
        if let Some(of_type) = &self.of_type {
            ddl.sql(" OF ").deparsed(of_type);
        }
        self.render_list(ddl, repairs);
        self.render_inherits(ddl);
        if let Some(partition_key) = &self.partition_key {
            ddl.sql("\nPARTITION BY ").deparsed(partition_key);
        }
        render_with(ddl, "\n", &self.options, &self.toast_options);
        ddl.end();
        self.render_properties(ddl);
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP TABLE ").name(&self.name).end();
    }
}
