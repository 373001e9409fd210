//! The columns of a table, and what they get from the table's parents.

use std::collections::HashMap;

use crate::catalog::binary_type;
use crate::catalog::kind::{Record, Rows};
use crate::catalog::reloptions::render_column_options;
use crate::catalog::{ObjectId, Repairs, class};
use crate::ddl::{Ddl, qualified};
use crate::error::CatalogError;
use crate::name::QualifiedName;

/// One column, as the catalog has it or as the table has to say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) is_dropped: bool,
    /// Whether the table itself defines it, be it beside a parent.
    pub(super) is_local: bool,
    pub(super) type_name: String,
    /// Rendered, when it is not the type's own.
    pub(super) collation: Option<String>,
    pub(super) generation: Option<Generation>,
    pub(super) default: Option<ColumnDefault>,
    pub(super) not_null: Option<NotNull>,
    /// `pg_attribute.attstorage`, when it is not the type's own.
    pub(super) storage: Option<char>,
    /// `p` pglz, `l` lz4.
    pub(super) compression: char,
    pub(super) statistics: Option<i32>,
    pub(super) options: Vec<String>,
    /// Whether its values can travel in COPY binary.
    pub(super) is_binary_safe: bool,
    /// `pg_attribute.attacl`.
    pub(super) acl: Option<Vec<String>>,
}

/// How a generated column gets its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generation {
    Stored,
    Virtual,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotNull {
    /// `None` for the name that the server would choose, and before 18, where it has none.
    pub(super) name: Option<String>,
    /// Whether the table itself has to say it.
    pub(super) is_local: bool,
    /// Whether it is a constraint in the catalog, as since 18, or a mere mark on the column, which cannot tell whose it is.
    pub(super) is_constraint: bool,
    pub(super) is_no_inherit: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnDefault {
    /// `None` for the `DEFAULT NULL` that hides a parent's default.
    pub(super) id: Option<ObjectId>,
    pub(super) expression: String,
    pub(super) placement: Placement,
}

/// Where a default is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placement {
    /// In the table, unless a repair separates it.
    Inline,
    /// By an `ALTER TABLE` of its own, since the table does not list the column.
    Separate,
    /// Nowhere: the parents bring it.
    Inherited,
}

/// The columns of every described relation, in `attnum` order.
pub(super) type Columns = HashMap<u32, Vec<Column>>;

pub(super) fn decode_columns(rows: &Rows, table_names: &HashMap<u32, String>) -> Result<Columns, CatalogError> {
    let mut columns = Columns::new();
    for row in rows.iter() {
        let relation = row.get("relation")?;
        let column = Column::decode(row, table_names.get(&relation).map_or("", String::as_str))?;
        columns.entry(relation).or_default().push(column);
    }
    Ok(columns)
}

/// Enums travel as their labels; arrays only over built-in types, since the oids of others differ at the other end. An array is
/// what is sent as one: an extension may call a type of its own an array (`typcategory`) and send anything.
fn is_binary_safe(row: Record<'_>) -> Result<bool, CatalogError> {
    let carried: Option<u32> = row.get("carried_type")?;
    let kind = row.get::<Option<i8>>("carried_kind")?.map(|c| char::from(c.cast_unsigned()));
    let element: Option<u32> = row.get("carried_element")?;
    Ok(kind == Some('e') || element.or(carried).is_some_and(binary_type::is_listed))
}

impl Column {
    fn decode(row: Record<'_>, table: &str) -> Result<Self, CatalogError> {
        let name: String = row.get("name")?;
        let collation_schema: Option<&str> = row.get("collation_schema")?;
        let collation_name: Option<&str> = row.get("collation_name")?;
        Ok(Self {
            not_null: NotNull::decode(row, table, &name)?,
            name,
            is_dropped: row.get("is_dropped")?,
            is_local: row.get("is_local")?,
            type_name: row.get::<Option<String>>("type_name")?.unwrap_or_default(),
            collation: collation_schema.zip(collation_name).map(|(schema, name)| qualified(schema, name)),
            generation: match row.char("generated")? {
                's' => Some(Generation::Stored),
                'v' => Some(Generation::Virtual),
                _ => None,
            },
            default: None,
            storage: row.get::<Option<i8>>("storage")?.map(|c| char::from(c.cast_unsigned())),
            compression: row.char("compression")?,
            statistics: row.get::<Option<i32>>("statistics")?.filter(|target| *target >= 0),
            options: row.get::<Option<Vec<String>>>("options")?.map(users_options).unwrap_or_default(),
            acl: row.get("acl")?,
            is_binary_safe: is_binary_safe(row)?,
        })
    }

    /// Whether the table lists the column. A partition lists all, since it is made as a table of its own.
    pub(super) fn is_listed(&self, is_partition: bool) -> bool {
        !self.is_dropped && (self.is_local || is_partition)
    }

    fn prints_not_null(&self, is_partition: bool) -> Option<&NotNull> {
        self.not_null.as_ref().filter(|n| is_partition || n.is_local)
    }

    fn inline_default(&self, repairs: &Repairs) -> Option<&ColumnDefault> {
        self.default
            .as_ref()
            .filter(|d| d.placement == Placement::Inline)
            .filter(|d| self.generation.is_some() || !d.id.is_some_and(|id| repairs.is_separate(id)))
    }

    /// Appends the column as it stands in `CREATE TABLE`. Returns `false`, with nothing appended, when it does not stand there.
    pub(super) fn render(&self, ddl: &mut Ddl, table: &ColumnContext<'_>) -> bool {
        if self.is_dropped {
            return false;
        }
        if !self.is_listed(table.is_partition) {
            return self.render_lone_not_null(ddl, table);
        }
        let default = self.inline_default(table.repairs);
        let not_null = self.prints_not_null(table.is_partition);
        if table.is_typed && default.is_none() && not_null.is_none() {
            return false;
        }
        table.render_separator(ddl);
        ddl.ident(&self.name);
        if !table.is_typed {
            ddl.sql(" ").deparsed(&self.type_name);
        }
        if let Some(default) = default {
            self.render_default(ddl, default);
        }
        if let Some(not_null) = not_null {
            not_null.render(ddl, None);
        }
        if let Some(collation) = self.collation.as_ref().filter(|_| !table.is_typed) {
            ddl.sql(" COLLATE ").deparsed(collation);
        }
        true
    }

    /// A not-null constraint that the table adds to a column of a parent.
    fn render_lone_not_null(&self, ddl: &mut Ddl, table: &ColumnContext<'_>) -> bool {
        let Some(not_null) = self.not_null.as_ref().filter(|n| n.is_local && n.is_constraint) else { return false };
        table.render_separator(ddl);
        not_null.render(ddl, Some(&self.name));
        true
    }

    fn render_default(&self, ddl: &mut Ddl, default: &ColumnDefault) {
        match self.generation {
            None => ddl.sql(" DEFAULT ").deparsed(&default.expression),
            Some(Generation::Stored) => ddl.sql(" GENERATED ALWAYS AS (").deparsed(&default.expression).sql(") STORED"),
            Some(Generation::Virtual) => ddl.sql(" GENERATED ALWAYS AS (").deparsed(&default.expression).sql(")"),
        };
    }

    /// Appends what `CREATE TABLE` cannot say about the column.
    pub(super) fn render_properties(&self, ddl: &mut Ddl, table: &QualifiedName, is_partition: bool) {
        if self.is_dropped {
            return;
        }
        let alter = |ddl: &mut Ddl| {
            ddl.sql("ALTER TABLE ONLY ").name(table).sql(" ALTER COLUMN ").ident(&self.name).sql(" SET ");
        };
        if !self.is_listed(is_partition) && self.not_null.as_ref().is_some_and(|n| n.is_local && !n.is_constraint) {
            alter(ddl);
            ddl.sql("NOT NULL").end();
        }
        if let Some(target) = self.statistics {
            alter(ddl);
            ddl.sql("STATISTICS ").number(target).end();
        }
        if let Some(storage) = self.storage.and_then(storage_word) {
            alter(ddl);
            ddl.sql("STORAGE ").sql(storage).end();
        }
        if let Some(compression) = compression_word(self.compression) {
            alter(ddl);
            ddl.sql("COMPRESSION ").sql(compression).end();
        }
        if !self.options.is_empty() {
            alter(ddl);
            ddl.sql("(");
            render_column_options(ddl, &self.options);
            ddl.sql(")").end();
        }
        if self.default.as_ref().is_some_and(|d| d.id.is_none() && d.placement == Placement::Separate) {
            alter(ddl);
            ddl.sql("DEFAULT NULL").end();
        }
    }
}

/// Options that a user set. Some releases keep one of their own among them, which others refuse.
fn users_options(mut options: Vec<String>) -> Vec<String> {
    options.retain(|option| !option.starts_with("pg_attver="));
    options
}

fn storage_word(storage: char) -> Option<&'static str> {
    match storage {
        'p' => Some("PLAIN"),
        'e' => Some("EXTERNAL"),
        'm' => Some("MAIN"),
        'x' => Some("EXTENDED"),
        _ => None,
    }
}

fn compression_word(compression: char) -> Option<&'static str> {
    match compression {
        'p' => Some("pglz"),
        'l' => Some("lz4"),
        _ => None,
    }
}

/// What a column has to know about its table while it is rendered.
#[derive(Debug)]
pub(super) struct ColumnContext<'a> {
    pub(super) is_partition: bool,
    pub(super) is_typed: bool,
    pub(super) repairs: &'a Repairs,
    /// Whether nothing stands in the list yet.
    pub(super) is_first: bool,
}

impl ColumnContext<'_> {
    pub(super) fn render_separator(&self, ddl: &mut Ddl) {
        ddl.sql(if self.is_first { " (\n    " } else { ",\n    " });
    }
}

impl NotNull {
    fn decode(row: Record<'_>, table: &str, column: &str) -> Result<Option<Self>, CatalogError> {
        if !row.get::<bool>("is_not_null")? {
            return Ok(None);
        }
        // A comment needs a name that is certain.
        let is_commented = row.get::<Option<u32>>("commented_not_null")?.is_some();
        let name: Option<String> = row.get("not_null_name")?;
        let is_local: Option<bool> = row.get("is_not_null_local")?;
        Ok(Some(Self {
            name: name.filter(|name| is_commented || !is_default_name(name, table, column)),
            is_local: is_local.unwrap_or(true),
            is_constraint: is_local.is_some(),
            is_no_inherit: row.get("is_not_null_alone")?,
        }))
    }

    fn render(&self, ddl: &mut Ddl, column: Option<&str>) {
        let mut lead = if column.is_some() { "" } else { " " };
        if let Some(name) = &self.name {
            ddl.sql(lead).sql("CONSTRAINT ").ident(name);
            lead = " ";
        }
        ddl.sql(lead).sql("NOT NULL");
        if let Some(column) = column {
            ddl.sql(" ").ident(column);
        }
        if self.is_no_inherit {
            ddl.sql(" NO INHERIT");
        }
    }
}

fn is_default_name(name: &str, table: &str, column: &str) -> bool {
    name.strip_prefix(table)
        .and_then(|rest| rest.strip_prefix('_'))
        .and_then(|rest| rest.strip_prefix(column))
        .is_some_and(|rest| rest == "_not_null")
}

/// The parents' columns, by relation and name.
#[derive(Debug)]
pub(super) struct ParentColumns<'a> {
    by_name: HashMap<(u32, &'a str), &'a Column>,
}

impl<'a> ParentColumns<'a> {
    pub(super) fn new(parents: &'a Columns) -> Self {
        let by_name = parents
            .iter()
            .flat_map(|(parent, columns)| columns.iter().map(move |column| ((*parent, column.name.as_str()), column)))
            .filter(|(_, column)| !column.is_dropped)
            .collect();
        Self { by_name }
    }
}

/// Makes of a column as the catalog has it one as its table has to say it, given that the table has these parents.
pub(super) fn inherit(column: &mut Column, is_partition: bool, parents: &[u32], all: &ParentColumns<'_>) {
    let is_listed = column.is_listed(is_partition);
    if let Some(default) = &mut column.default
        && column.generation.is_none()
        && !is_listed
    {
        default.placement = Placement::Separate;
    }
    if column.is_dropped || parents.is_empty() {
        return;
    }
    let above: Vec<&Column> =
        parents.iter().filter_map(|parent| all.by_name.get(&(*parent, column.name.as_str())).copied()).collect();
    inherit_not_null(column, &above);
    if above.iter().any(|parent| parent.has_plain_default()) && column.default.is_none() {
        let placement = if is_listed { Placement::Inline } else { Placement::Separate };
        column.default = Some(ColumnDefault { id: None, expression: "NULL".into(), placement });
    }
    inherit_generation(column, is_partition, &above);
}

impl Column {
    fn has_plain_default(&self) -> bool {
        self.generation.is_none() && self.default.as_ref().is_some_and(|d| d.expression != "NULL")
    }
}

/// Before 18 nothing tells whether a table has a not-null constraint of its own: a parent's counts for it. From 18 on it is
/// known, but an inherited one must be said here when the parents' are not valid yet.
fn inherit_not_null(column: &mut Column, above: &[&Column]) {
    let is_above = above.iter().any(|parent| parent.not_null.is_some());
    if let Some(not_null) = &mut column.not_null {
        not_null.is_local = !is_above || not_null.is_local && not_null.is_constraint;
    }
}

/// A table need not, and before 16 must not, repeat its parents' generation expression.
fn inherit_generation(column: &mut Column, is_partition: bool, above: &[&Column]) {
    let Some(default) = &mut column.default else { return };
    let mut generated = above.iter().filter(|parent| parent.generation.is_some()).peekable();
    if is_partition || generated.peek().is_none() {
        return;
    }
    if generated.all(|parent| parent.default.as_ref().is_some_and(|d| d.expression == default.expression)) {
        default.placement = Placement::Inherited;
    }
}

/// Places the defaults that were read into their columns.
pub(super) fn place_defaults(rows: &Rows, columns: &mut Columns) -> Result<(), CatalogError> {
    for row in rows.iter() {
        let number = usize::from(row.get::<i16>("number")?.unsigned_abs());
        let column = columns.get_mut(&row.get("relation")?).and_then(|all| all.get_mut(number - 1));
        if let Some(column) = column {
            let id = Some(ObjectId::new(class::PG_ATTRDEF, row.get("oid")?));
            column.default = Some(ColumnDefault { id, expression: row.get("expression")?, placement: Placement::Inline });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: u32 = 1;

    fn column(name: &str) -> Column {
        Column { name: name.into(), type_name: "integer".into(), is_local: true, ..Column::default() }
    }

    fn with_default(column: Column, oid: u32, expression: &str) -> Column {
        let id = Some(ObjectId::new(class::PG_ATTRDEF, oid));
        Column { default: Some(ColumnDefault { id, expression: expression.into(), placement: Placement::Inline }), ..column }
    }

    /// As a server before 18 has it.
    fn marked() -> Option<NotNull> {
        Some(NotNull { name: None, is_local: true, is_constraint: false, is_no_inherit: false })
    }

    fn constrained(is_local: bool) -> Option<NotNull> {
        Some(NotNull { name: None, is_local, is_constraint: true, is_no_inherit: false })
    }

    /// The column of a child as `CREATE TABLE` and the statements behind it have it.
    fn render_child(mut child: Column, is_partition: bool, parent: Column) -> String {
        let columns = Columns::from([(PARENT, vec![parent])]);
        inherit(&mut child, is_partition, &[PARENT], &ParentColumns::new(&columns));
        let (mut ddl, repairs) = (Ddl::new(), Repairs::default());
        child.render(&mut ddl, &ColumnContext { is_partition, is_typed: false, repairs: &repairs, is_first: true });
        child.render_properties(&mut ddl, &QualifiedName::new("s", "t"), is_partition);
        ddl.into_string().trim_start_matches(" (\n    ").to_owned()
    }

    fn inherited(column: Column) -> Column {
        Column { is_local: false, ..column }
    }

    #[test]
    fn an_inherited_column_is_listed_by_a_partition_only() {
        assert_eq!(render_child(inherited(column("a")), false, column("a")), "");
        assert_eq!(render_child(inherited(column("a")), true, column("a")), "a integer");
    }

    #[test]
    fn a_default_that_the_child_does_not_have_is_hidden() {
        let parent = with_default(column("a"), 10, "7");
        assert_eq!(render_child(column("a"), false, parent.clone()), "a integer DEFAULT NULL");
        assert_eq!(
            render_child(inherited(column("a")), false, parent),
            "ALTER TABLE ONLY s.t ALTER COLUMN a SET DEFAULT NULL;\n"
        );
    }

    #[test]
    fn before_18_a_not_null_of_the_parent_is_not_repeated() {
        let both = Column { not_null: marked(), ..column("a") };
        assert_eq!(render_child(both.clone(), false, both.clone()), "a integer");
        assert_eq!(render_child(both.clone(), false, column("a")), "a integer NOT NULL");
        let set = "ALTER TABLE ONLY s.t ALTER COLUMN a SET NOT NULL;\n";
        assert_eq!(render_child(inherited(both), false, column("a")), set);
    }

    #[test]
    fn from_18_on_a_local_not_null_of_an_inherited_column_stands_alone() {
        let parent = Column { not_null: constrained(true), ..column("a") };
        let name = Some("Own".to_owned());
        let own = NotNull { name, is_local: true, is_constraint: true, is_no_inherit: true };
        let local = Column { not_null: Some(own), ..column("a") };
        assert_eq!(render_child(inherited(local), false, parent.clone()), "CONSTRAINT \"Own\" NOT NULL a NO INHERIT");
        let from_parent = Column { not_null: constrained(false), ..column("a") };
        assert_eq!(render_child(inherited(from_parent.clone()), false, parent), "");
        // The parent's is not valid, and so not among its columns' properties.
        assert_eq!(render_child(inherited(from_parent), false, column("a")), "NOT NULL a");
    }

    #[test]
    fn a_generation_expression_is_repeated_when_it_differs() {
        let generated =
            |oid, expression| Column { generation: Some(Generation::Stored), ..with_default(column("a"), oid, expression) };
        assert_eq!(render_child(generated(11, "(b + 1)"), false, generated(10, "(b + 1)")), "a integer");
        let repeated = "a integer GENERATED ALWAYS AS ((b + 2)) STORED";
        assert_eq!(render_child(generated(11, "(b + 2)"), false, generated(10, "(b + 1)")), repeated);
        assert_eq!(render_child(generated(11, "(b + 2)"), true, generated(10, "(b + 2)")), repeated);
    }

    #[test]
    fn an_option_of_the_server_itself_is_left_out() {
        assert_eq!(users_options(vec!["pg_attver=3".into(), "n_distinct=7".into()]), ["n_distinct=7"]);
    }

    #[test]
    fn the_name_that_the_server_would_choose_is_left_to_it() {
        assert!(is_default_name("film_title_not_null", "film", "title"));
        assert!(!is_default_name("film_title_not_null1", "film", "title"));
        assert!(!is_default_name("old_title_not_null", "film", "title"));
    }
}
