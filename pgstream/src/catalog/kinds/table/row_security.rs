//! `ENABLE ROW LEVEL SECURITY`: after the rows, so that they can be written.

use crate::catalog::{Object, ObjectHeader, ObjectId, Part, Repairs, Role, Section};
use crate::ddl::Ddl;
use crate::name::QualifiedName;

#[derive(Debug)]
pub(super) struct RowSecurity {
    header: ObjectHeader,
    table: QualifiedName,
}

impl RowSecurity {
    /// The switch of the table that has the header `of`.
    pub(super) fn new(of: &ObjectHeader, table: QualifiedName) -> Self {
        let id = of.id.part(Part::RowSecurity);
        let mut header = ObjectHeader::new(id, Role::RowSecurity, "ROW SECURITY", Section::PostData, of.name.as_str());
        header.schema.clone_from(&of.schema);
        header.owner.clone_from(&of.owner);
        header.belongs_to = Some(of.id);
        Self { header, table }
    }
}

impl Object for RowSecurity {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("ALTER TABLE ").name(&self.table).sql(" ENABLE ROW LEVEL SECURITY").end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("ALTER TABLE ").name(&self.table).sql(" DISABLE ROW LEVEL SECURITY").end();
    }

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        vec![(self.header.id, self.header.id.part(Part::Itself))]
    }
}
