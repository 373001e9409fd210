//! Column defaults. One stands inside its table unless a repair separates it or the table does not list the column.

use crate::catalog::kind::Record;
use crate::catalog::{Object, ObjectHeader, ObjectId, Repairs, Role, Section, class};
use crate::ddl::Ddl;
use crate::error::CatalogError;
use crate::name::QualifiedName;

use super::column::Placement;

#[derive(Debug)]
pub(super) struct Default {
    header: ObjectHeader,
    table: QualifiedName,
    column: String,
    expression: String,
    placement: Placement,
    is_generated: bool,
}

impl Default {
    pub(super) fn decode(row: Record<'_>, placement: Placement, is_generated: bool) -> Result<Self, CatalogError> {
        let table = QualifiedName::new(row.get::<String>("schema")?, row.get::<String>("name")?);
        let table_id = ObjectId::relation(row.get("relation")?);
        let column: String = row.get("column_name")?;
        let id = ObjectId::new(class::PG_ATTRDEF, row.get("oid")?);
        let role = Role::Default { table: table_id };
        let mut header = ObjectHeader::new(id, role, "DEFAULT", Section::PreData, table.name.as_str());
        header.schema = Some(table.schema.clone());
        header.tag = [table.name.as_str(), column.as_str()].join(" ");
        header.tie_break = format!("{:05}", row.get::<i16>("number")?);
        header.owner = Some(row.get("owner")?);
        header.belongs_to = Some(table_id);
        Ok(Self { header, table, column, expression: row.get("expression")?, placement, is_generated })
    }

    fn render_alter(&self, ddl: &mut Ddl) {
        ddl.sql("ALTER TABLE ONLY ").name(&self.table).sql(" ALTER COLUMN ").ident(&self.column);
    }
}

impl Object for Default {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn is_entry(&self, repairs: &Repairs) -> bool {
        !self.is_generated && (self.placement == Placement::Separate || repairs.is_separate(self.header.id))
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        self.render_alter(ddl);
        ddl.sql(" SET DEFAULT ").deparsed(&self.expression).end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("ALTER TABLE ").name(&self.table).sql(" ALTER COLUMN ").ident(&self.column).sql(" DROP DEFAULT").end();
    }

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        let Some(table_id) = self.header.belongs_to else { return Vec::new() };
        match (self.is_generated, self.placement) {
            (_, Placement::Inherited) => Vec::new(),
            (false, Placement::Separate) => vec![(self.header.id, table_id)],
            // Inside the table: what it needs must be there before the table.
            _ => vec![(table_id, self.header.id)],
        }
    }
}
