//! An index of a partition becomes a member of the partitioned table's: `ALTER INDEX … ATTACH PARTITION`.

use crate::catalog::kind::Record;
use crate::catalog::{Object, ObjectHeader, ObjectId, Part, Repairs, Role, Section};
use crate::ddl::Ddl;
use crate::error::CatalogError;
use crate::name::QualifiedName;

use super::{Index, index_or_constraint};

#[derive(Debug)]
pub(super) struct IndexAttach {
    header: ObjectHeader,
    index: QualifiedName,
    parent: QualifiedName,
    /// Both indexes, or the constraints that make them, and both tables.
    needs: [ObjectId; 4],
}

impl IndexAttach {
    /// `None` for an index that is no member.
    pub(super) fn decode(row: Record<'_>, index: &Index) -> Result<Option<Self>, CatalogError> {
        let Some(parent_oid) = row.get::<Option<u32>>("parent_oid")? else { return Ok(None) };
        let of = &index.header;
        let id = of.id.part(Part::Attach);
        let mut header = ObjectHeader::new(id, Role::IndexAttach, "INDEX ATTACH", Section::PostData, of.name.as_str());
        header.schema.clone_from(&of.schema);
        header.owner.clone_from(&of.owner);
        header.belongs_to = of.belongs_to;
        let needs = [
            index_or_constraint(of.id.oid, row.get("constraint_oid")?),
            index_or_constraint(parent_oid, row.get("parent_constraint_oid")?),
            index.table_id,
            ObjectId::relation(row.get("parent_table_oid")?),
        ];
        let parent = QualifiedName::new(row.get::<String>("parent_schema")?, row.get::<String>("parent_name")?);
        Ok(Some(Self { header, index: index.name.clone(), parent, needs }))
    }
}

impl Object for IndexAttach {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("ALTER INDEX ").name(&self.parent).sql(" ATTACH PARTITION ").name(&self.index).end();
    }

    // It goes with the index.
    fn render_drop(&self, _ddl: &mut Ddl, _repairs: &Repairs) {}

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        self.needs.iter().map(|needed| (self.header.id, *needed)).collect()
    }
}
