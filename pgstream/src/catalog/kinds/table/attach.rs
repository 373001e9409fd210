//! A partition becomes one: `ALTER TABLE … ATTACH PARTITION`, when both tables are there and no rows yet.

use crate::catalog::{Object, ObjectHeader, ObjectId, Part, Repairs, Role, Section};
use crate::ddl::Ddl;
use crate::name::QualifiedName;

#[derive(Debug)]
pub(super) struct TableAttach {
    header: ObjectHeader,
    partition: QualifiedName,
    parent_id: ObjectId,
    parent: QualifiedName,
    bound: String,
}

impl TableAttach {
    /// Attaches the table that has the header `table`.
    pub(super) fn new(
        table: &ObjectHeader,
        partition: QualifiedName,
        (parent_id, parent): (ObjectId, QualifiedName),
        bound: String,
    ) -> Self {
        let id = table.id.part(Part::Attach);
        let mut header = ObjectHeader::new(id, Role::TableAttach, "TABLE ATTACH", Section::PreData, table.name.as_str());
        header.schema.clone_from(&table.schema);
        header.owner.clone_from(&table.owner);
        header.belongs_to = Some(table.id);
        Self { header, partition, parent_id, parent, bound }
    }
}

impl Object for TableAttach {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("ALTER TABLE ONLY ").name(&self.parent).sql(" ATTACH PARTITION ").name(&self.partition);
        ddl.sql(" ").deparsed(&self.bound).end();
    }

    // It goes with the table.
    fn render_drop(&self, _ddl: &mut Ddl, _repairs: &Repairs) {}

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        let id = self.header.id;
        vec![(id, self.parent_id), (id, id.part(Part::Itself))]
    }
}
