//! Indexes of tables and materialized views, and how those of partitions become members of the partitioned table's.

mod attach;

use std::collections::HashMap;

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::{Address, LockMode, Object, ObjectHeader, ObjectId, Repairs, Role, Section, Step, StepWork, class};
use crate::ddl::{Ddl, qualified};
use crate::error::CatalogError;
use crate::name::QualifiedName;

use self::attach::IndexAttach;

pub(crate) struct IndexKind;

impl ObjectKind for IndexKind {
    fn name(&self) -> &'static str {
        "index"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const { &[catalog_query!("index.sql"), catalog_query!("index_column.sql"), catalog_query!("index_extension.sql")] }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        let [indexes, columns, extensions] = results else { return Ok(()) };
        let mut targets: HashMap<u32, Vec<(i16, i32)>> = HashMap::new();
        for row in columns.iter() {
            targets.entry(row.get("index")?).or_default().push((row.get("number")?, row.get("statistics")?));
        }
        let mut depends_on: HashMap<u32, Vec<String>> = HashMap::new();
        for row in extensions.iter() {
            depends_on.entry(row.get("index")?).or_default().push(row.get("extension")?);
        }
        for row in indexes.iter() {
            let mut index = Index::decode(row)?;
            index.statistics = targets.remove(&index.header.id.oid).unwrap_or_default();
            index.extensions = depends_on.remove(&index.header.id.oid).unwrap_or_default();
            if let Some(attach) = IndexAttach::decode(row, &index)? {
                found.push(attach);
            }
            // The constraint makes its index; only a comment on the index is left to say.
            if index.definition.is_some() || row.get("is_commented")? {
                found.push(index);
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Index {
    header: ObjectHeader,
    name: QualifiedName,
    table_id: ObjectId,
    table: QualifiedName,
    /// `None` for the index of a constraint: the constraint makes it, and only its comment is carried here.
    definition: Option<String>,
    /// Statistics targets by column number.
    statistics: Vec<(i16, i32)>,
    /// Extensions that take it with them.
    extensions: Vec<String>,
    is_clustered: bool,
    is_replica_identity: bool,
    is_member: bool,
}

impl Index {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let name = QualifiedName::new(row.get::<String>("schema")?, row.get::<String>("name")?);
        let table_id = ObjectId::relation(row.get("table_oid")?);
        let id = ObjectId::relation(row.get("oid")?);
        let mut header = ObjectHeader::new(id, Role::Index, "INDEX", Section::PostData, name.name.as_str());
        header.schema = Some(name.schema.clone());
        header.owner = Some(row.get("owner")?);
        header.tablespace = Some(row.get("tablespace")?);
        header.address = Some(Address { keyword: "INDEX", grant_keyword: "INDEX", sql: qualified(&name.schema, &name.name) });
        header.belongs_to = Some(table_id);
        Ok(Self {
            header,
            name,
            table_id,
            table: QualifiedName::new(row.get::<String>("table_schema")?, row.get::<String>("table_name")?),
            definition: row.get("definition")?,
            statistics: Vec::new(),
            extensions: Vec::new(),
            is_clustered: row.get("is_clustered")?,
            is_replica_identity: row.get("is_replica_identity")?,
            is_member: row.get::<Option<u32>>("parent_oid")?.is_some(),
        })
    }
}

/// What an index is in the order of things: its constraint, if it has one.
fn index_or_constraint(index: u32, constraint: Option<u32>) -> ObjectId {
    constraint.map_or(ObjectId::relation(index), |oid| ObjectId::new(class::PG_CONSTRAINT, oid))
}

impl Object for Index {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn is_entry(&self, _repairs: &Repairs) -> bool {
        self.definition.is_some()
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        let Some(definition) = &self.definition else { return };
        ddl.deparsed(definition).end();
        self.render_properties(ddl);
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        // A member goes with the index that it is attached to.
        if !self.is_member {
            ddl.sql("DROP INDEX ").name(&self.name).end();
        }
    }

    /// What a table uses an index for is said of the table, which nobody else may hold then: two indexes that were built side by
    /// side and both went on to that would wait for each other.
    fn steps(&self) -> Vec<Step> {
        let Some(definition) = self.definition.as_ref().filter(|_| self.is_clustered || self.is_replica_identity) else {
            return Vec::new();
        };
        let (mut build, mut unbuild, mut properties) = (Ddl::new(), Ddl::new(), Ddl::new());
        build.deparsed(definition).end();
        self.render_drop(&mut unbuild, &Repairs::default());
        self.render_properties(&mut properties);
        let table = self.table_id.oid;
        vec![
            Step {
                sql: build.into_string(),
                undo: unbuild.into_string(),
                work: StepWork::Index,
                locks: vec![(table, LockMode::Share)],
            },
            Step {
                sql: properties.into_string(),
                undo: String::new(),
                work: StepWork::Catalog,
                locks: vec![(table, LockMode::AccessExclusive)],
            },
        ]
    }

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        vec![(self.header.id, self.table_id)]
    }
}

impl Index {
    /// What is said of the index once it is there.
    fn render_properties(&self, ddl: &mut Ddl) {
        if self.is_clustered {
            ddl.sql("ALTER TABLE ").name(&self.table).sql(" CLUSTER ON ").ident(&self.name.name).end();
        }
        for (number, target) in &self.statistics {
            ddl.sql("ALTER INDEX ").name(&self.name).sql(" ALTER COLUMN ").number(*number);
            ddl.sql(" SET STATISTICS ").number(*target).end();
        }
        if self.is_replica_identity {
            ddl.sql("ALTER TABLE ONLY ").name(&self.table).sql(" REPLICA IDENTITY USING INDEX ").ident(&self.name.name).end();
        }
        for extension in &self.extensions {
            ddl.sql("ALTER INDEX ").name(&self.name).sql(" DEPENDS ON EXTENSION ").ident(extension).end();
        }
    }
}
