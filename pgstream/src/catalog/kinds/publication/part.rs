//! What a publication publishes. It goes with the publication, so there is nothing to drop.

use crate::catalog::kind::Record;
use crate::catalog::{Object, ObjectHeader, ObjectId, Repairs, Role, Section, class};
use crate::ddl::Ddl;
use crate::error::CatalogError;
use crate::name::QualifiedName;

#[derive(Debug)]
pub(super) struct PublishedTable {
    header: ObjectHeader,
    publication: (ObjectId, String),
    relation: QualifiedName,
    /// `None` for all of them.
    columns: Option<Vec<String>>,
    /// The rows that are published, deparsed.
    condition: Option<String>,
}

impl PublishedTable {
    pub(super) fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let relation = QualifiedName::new(row.get::<String>("schema")?, row.get::<String>("relation_name")?);
        let publication: String = row.get("publication_name")?;
        let id = ObjectId::new(class::PG_PUBLICATION_REL, row.get("oid")?);
        let role = Role::PublishedTable;
        let mut header = ObjectHeader::new(id, role, "PUBLICATION TABLE", Section::PostData, relation.name.as_str());
        header.schema = Some(relation.schema.clone());
        header.tag = format!("{publication} {}", relation.name);
        header.tie_break.clone_from(&publication);
        header.belongs_to = Some(ObjectId::relation(row.get("relation")?));
        let publication = (ObjectId::new(class::PG_PUBLICATION, row.get("publication")?), publication);
        Ok(Self { header, publication, relation, columns: row.get("columns")?, condition: row.get("condition")? })
    }
}

impl Object for PublishedTable {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("ALTER PUBLICATION ").ident(&self.publication.1).sql(" ADD TABLE ONLY ").name(&self.relation);
        if let Some(columns) = &self.columns {
            ddl.sql(" (").idents(columns.iter().map(String::as_str)).sql(")");
        }
        if let Some(condition) = &self.condition {
            ddl.sql(" WHERE (").deparsed(condition).sql(")");
        }
        ddl.end();
    }

    fn render_drop(&self, _ddl: &mut Ddl, _repairs: &Repairs) {}

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        vec![(self.header.id, self.publication.0)]
    }
}

#[derive(Debug)]
pub(super) struct PublishedSchema {
    header: ObjectHeader,
    publication: (ObjectId, String),
    namespace: ObjectId,
    schema: String,
}

impl PublishedSchema {
    pub(super) fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let (schema, publication): (String, String) = (row.get("schema")?, row.get("publication_name")?);
        let id = ObjectId::new(class::PG_PUBLICATION_NAMESPACE, row.get("oid")?);
        let (role, desc) = (Role::PublishedSchema, "PUBLICATION TABLES IN SCHEMA");
        let mut header = ObjectHeader::new(id, role, desc, Section::PostData, schema.as_str());
        header.schema = Some(schema.clone());
        header.tag = format!("{publication} {schema}");
        header.tie_break.clone_from(&publication);
        let publication = (ObjectId::new(class::PG_PUBLICATION, row.get("publication")?), publication);
        Ok(Self { header, publication, namespace: ObjectId::new(class::PG_NAMESPACE, row.get("namespace")?), schema })
    }
}

impl Object for PublishedSchema {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("ALTER PUBLICATION ").ident(&self.publication.1).sql(" ADD TABLES IN SCHEMA ").ident(&self.schema).end();
    }

    fn render_drop(&self, _ddl: &mut Ddl, _repairs: &Repairs) {}

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        vec![(self.header.id, self.publication.0), (self.header.id, self.namespace)]
    }
}
