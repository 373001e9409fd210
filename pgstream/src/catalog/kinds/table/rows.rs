//! The rows of a table.

use crate::catalog::{DataSource, Object, ObjectHeader, ObjectId, Part, Repairs, Role, Section, TableData};
use crate::ddl::Ddl;

use super::Table;

#[derive(Debug)]
pub(super) struct TableRows {
    header: ObjectHeader,
    data: TableData,
    root_id: Option<ObjectId>,
}

impl TableRows {
    pub(super) fn new(table: &Table) -> Self {
        let of = &table.header;
        let id = of.id.part(Part::Data);
        let mut header = ObjectHeader::new(id, Role::TableData, "TABLE DATA", Section::Data, of.name.as_str());
        header.schema.clone_from(&of.schema);
        header.owner.clone_from(&of.owner);
        header.belongs_to = Some(of.id);
        let columns: Vec<_> = table.columns.iter().filter(|c| !c.is_dropped && c.generation.is_none()).collect();
        let data = TableData {
            relation: table.oid(),
            name: table.name.clone(),
            columns: columns.iter().map(|c| c.name.clone()).collect(),
            is_binary_safe: columns.iter().all(|c| c.is_binary_safe),
            pages: table.pages,
            bytes: table.bytes,
            relkind: table.relkind,
            is_unlogged: table.is_unlogged,
            load_through: table.through.as_ref().map(|(_, through)| Box::new(through.clone())),
        };
        Self { header, data, root_id: table.through.as_ref().map(|(id, _)| *id) }
    }
}

impl Object for TableRows {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    // The rows come as a stream.
    fn render_create(&self, _ddl: &mut Ddl, _repairs: &Repairs) {}

    fn render_drop(&self, _ddl: &mut Ddl, _repairs: &Repairs) {}

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        let id = self.header.id;
        std::iter::once(id.part(Part::Itself)).chain(self.root_id).map(|referenced| (id, referenced)).collect()
    }

    fn data(&self) -> Option<DataSource> {
        Some(DataSource::Table(self.data.clone()))
    }
}
