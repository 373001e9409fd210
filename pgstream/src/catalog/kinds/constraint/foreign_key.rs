//! Foreign keys.

use crate::catalog::kind::Record;
use crate::catalog::{LockMode, Object, ObjectHeader, ObjectId, Repairs, Role, Step, StepWork};
use crate::ddl::Ddl;
use crate::error::CatalogError;
use crate::name::QualifiedName;

use super::decode_header;

#[derive(Debug)]
pub(super) struct ForeignKey {
    header: ObjectHeader,
    table_id: ObjectId,
    table: QualifiedName,
    referenced_id: ObjectId,
    is_partitioned: bool,
    /// Whether all rows are known to keep to it; false for one that is not enforced.
    is_valid: bool,
    definition: String,
}

impl ForeignKey {
    pub(super) fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let (table_id, table, header) = decode_header(row, Role::ForeignKey, "FK CONSTRAINT")?;
        Ok(Self {
            header,
            table_id,
            table,
            referenced_id: ObjectId::relation(row.get("referenced_oid")?),
            is_partitioned: row.char("relkind")? == 'p',
            is_valid: row.get("is_valid")?,
            definition: row.get("definition")?,
        })
    }

    /// A foreign key of a partitioned table goes to its partitions, so it cannot be said of the one table only.
    fn render_alter(&self, ddl: &mut Ddl) {
        ddl.sql(if self.is_partitioned { "ALTER TABLE " } else { "ALTER TABLE ONLY " }).name(&self.table);
    }

    fn render_add<'d>(&self, ddl: &'d mut Ddl) -> &'d mut Ddl {
        self.render_alter(ddl);
        ddl.sql("\n    ADD CONSTRAINT ").ident(&self.header.name).sql(" ").deparsed(&self.definition)
    }
}

impl Object for ForeignKey {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        self.render_add(ddl).end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        self.render_alter(ddl);
        ddl.sql(" DROP CONSTRAINT ").ident(&self.header.name).end();
    }

    /// Adding it locks both tables against writers and everything that builds on them; checking the rows does not, so that is
    /// a step of its own. Before 18 a partitioned table cannot have one that is not valid.
    fn steps(&self) -> Vec<Step> {
        if self.is_partitioned || !self.is_valid {
            return Vec::new();
        }
        let (mut add, mut validate, mut drop) = (Ddl::new(), Ddl::new(), Ddl::new());
        self.render_add(&mut add).sql(" NOT VALID").end();
        self.render_alter(&mut validate);
        validate.sql(" VALIDATE CONSTRAINT ").ident(&self.header.name).end();
        self.render_drop(&mut drop, &Repairs::default());
        let (table, referenced) = (self.table_id.oid, self.referenced_id.oid);
        vec![
            Step {
                sql: add.into_string(),
                undo: drop.into_string(),
                work: StepWork::Catalog,
                locks: vec![(table, LockMode::ShareRowExclusive), (referenced, LockMode::ShareRowExclusive)],
            },
            Step {
                sql: validate.into_string(),
                undo: String::new(),
                work: StepWork::Check,
                locks: vec![(table, LockMode::ShareUpdateExclusive), (referenced, LockMode::RowShare)],
            },
        ]
    }

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        vec![(self.header.id, self.table_id), (self.header.id, self.referenced_id)]
    }
}
