//! What every object of a database has in common.

use crate::ddl::{Ddl, identifier, qualified};
use crate::name::QualifiedName;

use super::repair::Repairs;
use super::role::Role;
use super::section::Section;

/// The oids of the system catalogs that objects live in. Fixed by PostgreSQL since each catalog exists.
#[allow(missing_docs)]
pub mod class {
    pub const PG_TYPE: u32 = 1247;
    pub const PG_PROC: u32 = 1255;
    pub const PG_CLASS: u32 = 1259;
    pub const PG_FOREIGN_SERVER: u32 = 1417;
    pub const PG_FOREIGN_DATA_WRAPPER: u32 = 2328;
    pub const PG_AM: u32 = 2601;
    pub const PG_ATTRDEF: u32 = 2604;
    pub const PG_CAST: u32 = 2605;
    pub const PG_CONSTRAINT: u32 = 2606;
    pub const PG_CONVERSION: u32 = 2607;
    pub const PG_LANGUAGE: u32 = 2612;
    pub const PG_LARGEOBJECT: u32 = 2613;
    pub const PG_NAMESPACE: u32 = 2615;
    pub const PG_OPCLASS: u32 = 2616;
    pub const PG_OPERATOR: u32 = 2617;
    pub const PG_REWRITE: u32 = 2618;
    pub const PG_TRIGGER: u32 = 2620;
    pub const PG_OPFAMILY: u32 = 2753;
    pub const PG_DEFAULT_ACL: u32 = 826;
    pub const PG_EXTENSION: u32 = 3079;
    pub const PG_POLICY: u32 = 3256;
    pub const PG_STATISTIC_EXT: u32 = 3381;
    pub const PG_COLLATION: u32 = 3456;
    pub const PG_EVENT_TRIGGER: u32 = 3466;
    pub const PG_TRANSFORM: u32 = 3576;
    pub const PG_TS_DICT: u32 = 3600;
    pub const PG_TS_PARSER: u32 = 3601;
    pub const PG_TS_CONFIG: u32 = 3602;
    pub const PG_TS_TEMPLATE: u32 = 3764;
    pub const PG_PUBLICATION: u32 = 6104;
    pub const PG_PUBLICATION_REL: u32 = 6106;
    pub const PG_PUBLICATION_NAMESPACE: u32 = 6237;
}

/// Which piece of a catalog row an [`ObjectId`] means: one row can give several entries of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// The object itself; what `pg_depend` speaks of.
    Itself,
    /// `CREATE TYPE name`, the shell that the functions of a base type are declared with.
    Shell,
    /// `ALTER TABLE … ATTACH PARTITION` or `ALTER INDEX … ATTACH PARTITION`.
    Attach,
    /// `ALTER SEQUENCE … OWNED BY`.
    OwnedBy,
    /// `ALTER TABLE … ENABLE ROW LEVEL SECURITY`.
    RowSecurity,
    /// The rows of a table, or the bytes of a large object.
    Data,
    /// The value of a sequence.
    SequenceValue,
    /// `REFRESH MATERIALIZED VIEW`.
    Refresh,
}

/// Identity of an object within one database: its catalog, its oid, and the piece of it that is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    /// The oid of the system catalog, see [`class`].
    pub class: u32,
    /// The oid of the row in it.
    pub oid: u32,
    /// Which piece.
    pub part: Part,
}

impl ObjectId {
    /// The object that a row of a catalog stands for.
    pub const fn new(class: u32, oid: u32) -> Self {
        Self { class, oid, part: Part::Itself }
    }

    /// Another piece of the same row.
    pub const fn part(self, part: Part) -> Self {
        Self { part, ..self }
    }

    /// A relation.
    pub const fn relation(oid: u32) -> Self {
        Self::new(class::PG_CLASS, oid)
    }

    /// A type.
    pub const fn data_type(oid: u32) -> Self {
        Self::new(class::PG_TYPE, oid)
    }
}

/// Privileges as the catalog has them: what is granted, and what an object of this kind has when nothing was granted or revoked.
///
/// Both are `aclitem` texts, as `pg_class.relacl::text[]` gives them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Privileges {
    /// The ACL as it is; `None` when the column is null, which means "as `baseline`".
    pub actual: Option<Vec<String>>,
    /// `acldefault(type, owner)`, or `pg_init_privs.initprivs` where there is a row.
    pub baseline: Vec<String>,
}

/// How `ALTER`, `COMMENT ON` and `GRANT … ON` call an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The word for `ALTER … OWNER TO` and `COMMENT ON`: `TABLE`, `MATERIALIZED VIEW`, `AGGREGATE` …
    pub keyword: &'static str,
    /// The word for `GRANT … ON`: `TABLE` for every relation but a sequence, `FUNCTION` for an aggregate, `TYPE` for a domain.
    pub grant_keyword: &'static str,
    /// Rendered SQL that names the object: `public.film`, `public.f(integer)`, `c ON public.film`.
    pub sql: String,
}

impl Address {
    /// A constraint of a table.
    pub(crate) fn constraint(name: &str, table: &QualifiedName) -> Self {
        let sql = [identifier(name), qualified(&table.schema, &table.name)].join(" ON ");
        Self { keyword: "CONSTRAINT", grant_keyword: "CONSTRAINT", sql }
    }
}

/// What every object has, whatever its kind.
#[derive(Debug, Clone)]
pub struct ObjectHeader {
    /// Identity, also in `pg_depend`.
    pub id: ObjectId,
    /// What the ordering has to know about the kind.
    pub role: Role,
    /// The word in an archive's table of contents: `TABLE`, `FK CONSTRAINT` …
    pub desc: &'static str,
    /// When it is made, unless a repair moves it.
    pub section: Section,
    /// The schema's name; `None` for what lives in no schema.
    pub schema: Option<String>,
    /// The name that sorts it, unquoted: for a constraint the constraint's own.
    pub name: String,
    /// What tells two objects of one role, schema and name apart in a repeatable order: argument types, the table's name.
    pub tie_break: String,
    /// The tag in an archive's table of contents, unquoted: `film`, `film film_pkey`, `f(integer)`.
    pub tag: String,
    /// The owner's name. `None` for what has no owner of its own.
    pub owner: Option<String>,
    /// How SQL calls it; `None` for what is never altered, commented or granted on by itself.
    pub address: Option<Address>,
    /// How `GRANT … ON` names it, where that is not as `address` does: an aggregate goes by its argument types there.
    pub grant_sql: Option<String>,
    /// Privileges, for kinds that have them.
    pub privileges: Option<Privileges>,
    /// Privileges of columns, by column name in column order.
    pub column_privileges: Vec<(String, Privileges)>,
    /// The names of columns by `attnum` - 1, so that comments on columns can be rendered. Dropped columns are empty strings.
    pub columns: Vec<String>,
    /// What comments and labels of columns hang on, when that is not the object itself: a composite type's relation.
    pub columns_of: Option<ObjectId>,
    /// Tablespace: `None` not applicable, `Some("")` the database's default.
    pub tablespace: Option<String>,
    /// Table access method, for tables and materialized views.
    pub access_method: Option<String>,
    /// The relation that this belongs to (an index's table, a trigger's, a sequence's owning table): chosen and left out with it.
    pub belongs_to: Option<ObjectId>,
}

impl ObjectHeader {
    /// A header with what every object must have; the rest is empty.
    pub fn new(id: ObjectId, role: Role, desc: &'static str, section: Section, name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            id,
            role,
            desc,
            section,
            schema: None,
            tag: name.clone(),
            name,
            tie_break: String::new(),
            owner: None,
            address: None,
            grant_sql: None,
            privileges: None,
            column_privileges: Vec::new(),
            columns: Vec::new(),
            columns_of: None,
            tablespace: None,
            access_method: None,
            belongs_to: None,
        }
    }

    /// How SQL calls it; empty for what has no address.
    pub fn sql_name(&self) -> &str {
        self.address.as_ref().map_or("", |address| &address.sql)
    }
}

/// One object of a database. Pure: it renders what was read, and does no I/O.
pub trait Object: std::fmt::Debug + Send + Sync {
    /// Identity, names, owner, privileges.
    fn header(&self) -> &ObjectHeader;

    /// Whether it is an entry of its own. `false` for what is rendered inside another object: an inline default or check.
    fn is_entry(&self, _repairs: &Repairs) -> bool {
        true
    }

    /// Appends the SQL that makes it, as one or more statements.
    fn render_create(&self, ddl: &mut Ddl, repairs: &Repairs);

    /// Appends the SQL that drops it; nothing if it cannot be dropped by itself.
    fn render_drop(&self, ddl: &mut Ddl, repairs: &Repairs);

    /// What must exist before it, beyond what `pg_depend` says: pairs of (dependent, referenced).
    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        Vec::new()
    }

    /// The rows that go with it.
    fn data(&self) -> Option<DataSource> {
        None
    }
}

/// Where the rows of an entry in the data section come from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataSource {
    /// `COPY relation (columns)`.
    Table(TableData),
    /// The value of a sequence, read after everything else.
    Sequence(SequenceData),
    /// One large object.
    LargeObject(u32),
}

/// How the rows of a table travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableData {
    /// `pg_class.oid`.
    pub relation: u32,
    /// The table.
    pub name: crate::name::QualifiedName,
    /// Every column that is neither dropped nor generated, in `attnum` order.
    pub columns: Vec<String>,
    /// `pg_class.relpages` with those of the TOAST table: an estimate of size in 8 KiB pages.
    pub pages: u64,
    /// `pg_relation_size` of heap and TOAST in bytes: what there is to read.
    pub bytes: u64,
    /// Whether every column is of a type whose binary form means the same on another server.
    pub is_binary_safe: bool,
    /// `pg_class.relkind`.
    pub relkind: char,
    /// Whether it is unlogged, and so unreadable on a standby.
    pub is_unlogged: bool,
    /// Where the rows must be loaded instead: the topmost partitioned table, when a partition key hashes an enum, whose
    /// hashes depend on oids that differ in the target.
    pub load_through: Option<crate::name::QualifiedName>,
}

/// How a sequence's value is read and set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceData {
    /// `pg_class.oid`.
    pub relation: u32,
    /// The sequence.
    pub name: crate::name::QualifiedName,
}
