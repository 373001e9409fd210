//! Large objects: each is made before the rows, which may hold its oid, and filled with them.

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::{Address, DataSource, Object, ObjectHeader, ObjectId, Part, Privileges, Repairs, Role, Section, class};
use crate::ddl::Ddl;
use crate::error::CatalogError;

pub(crate) struct LargeObjectKind;

impl ObjectKind for LargeObjectKind {
    fn name(&self) -> &'static str {
        "large_object"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const { &[catalog_query!("large_object.sql")] }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        for row in results[0].iter() {
            let object = LargeObject::decode(row)?;
            found.push(object.bytes());
            found.push(object);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct LargeObject {
    header: ObjectHeader,
}

impl LargeObject {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let oid: u32 = row.get("oid")?;
        let id = ObjectId::new(class::PG_LARGEOBJECT, oid);
        let mut header = ObjectHeader::new(id, Role::LargeObject, "BLOB", Section::PreData, oid.to_string());
        // Oids sort as numbers.
        header.name = format!("{oid:010}");
        header.owner = Some(row.get("owner")?);
        header.privileges = Some(Privileges { actual: row.get("acl")?, baseline: row.get("baseline")? });
        header.address = Some(Address { keyword: "LARGE OBJECT", grant_keyword: "LARGE OBJECT", sql: oid.to_string() });
        Ok(Self { header })
    }

    fn bytes(&self) -> LargeObjectData {
        let id = self.header.id.part(Part::Data);
        let mut header = ObjectHeader::new(id, Role::LargeObjectData, "BLOBS", Section::Data, self.header.name.as_str());
        header.tag = self.header.tag.clone();
        header.belongs_to = Some(self.header.id);
        header.owner = self.header.owner.clone();
        LargeObjectData { header }
    }
}

impl Object for LargeObject {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("SELECT pg_catalog.lo_create('").number(self.header.id.oid).sql("')").end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("SELECT pg_catalog.lo_unlink('").number(self.header.id.oid).sql("')").end();
    }
}

/// The bytes of one large object.
#[derive(Debug)]
struct LargeObjectData {
    header: ObjectHeader,
}

impl Object for LargeObjectData {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    // It is filled through the large object functions, not by a statement that is known here.
    fn render_create(&self, _ddl: &mut Ddl, _repairs: &Repairs) {}

    fn render_drop(&self, _ddl: &mut Ddl, _repairs: &Repairs) {}

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        vec![(self.header.id, self.header.id.part(Part::Itself))]
    }

    fn data(&self) -> Option<DataSource> {
        Some(DataSource::LargeObject(self.header.id.oid))
    }
}
