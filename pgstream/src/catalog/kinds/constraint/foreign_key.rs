//! Foreign keys.

use crate::catalog::kind::Record;
use crate::catalog::{Object, ObjectHeader, ObjectId, Repairs, Role};
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
            definition: row.get("definition")?,
        })
    }

    /// A foreign key of a partitioned table goes to its partitions, so it cannot be said of the one table only.
    fn render_alter(&self, ddl: &mut Ddl) {
        ddl.sql(if self.is_partitioned { "ALTER TABLE " } else { "ALTER TABLE ONLY " }).name(&self.table);
    }
}

impl Object for ForeignKey {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        self.render_alter(ddl);
        ddl.sql("\n    ADD CONSTRAINT ").ident(&self.header.name).sql(" ").deparsed(&self.definition).end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        self.render_alter(ddl);
        ddl.sql(" DROP CONSTRAINT ").ident(&self.header.name).end();
    }

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        vec![(self.header.id, self.table_id), (self.header.id, self.referenced_id)]
    }
}
