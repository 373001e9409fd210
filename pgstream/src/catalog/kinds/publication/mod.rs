//! Publications, and what they publish: each table and each schema is an object of its own, so that it can wait for the table.

mod part;

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Repairs, Role, Section, class};
use crate::ddl::{Ddl, identifier};
use crate::error::CatalogError;

pub(crate) struct PublicationKind;

impl ObjectKind for PublicationKind {
    fn name(&self) -> &'static str {
        "publication"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const { &[catalog_query!("publication.sql"), catalog_query!("table.sql"), catalog_query!("schema.sql")] }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        for row in results[0].iter() {
            found.push(Publication::decode(row)?);
        }
        for row in results[1].iter() {
            found.push(part::PublishedTable::decode(row)?);
        }
        for row in results[2].iter() {
            found.push(part::PublishedSchema::decode(row)?);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Publication {
    header: ObjectHeader,
    is_for_all_tables: bool,
    /// `insert, update, …`
    operations: String,
    is_via_partition_root: bool,
    publishes_generated: bool,
}

impl Publication {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let name: String = row.get("name")?;
        let id = ObjectId::new(class::PG_PUBLICATION, row.get("oid")?);
        let mut header = ObjectHeader::new(id, Role::Publication, "PUBLICATION", Section::PostData, name.as_str());
        header.owner = Some(row.get("owner")?);
        header.address = Some(Address { keyword: "PUBLICATION", grant_keyword: "PUBLICATION", sql: identifier(&name) });
        let operations = [
            ("insert", row.get("publishes_insert")?),
            ("update", row.get("publishes_update")?),
            ("delete", row.get("publishes_delete")?),
            ("truncate", row.get("publishes_truncate")?),
        ];
        let operations: Vec<&str> = operations.into_iter().filter_map(|(word, is_set)| Some(word).filter(|_| is_set)).collect();
        Ok(Self {
            header,
            is_for_all_tables: row.get("is_for_all_tables")?,
            operations: operations.join(", "),
            is_via_partition_root: row.get("is_via_partition_root")?,
            publishes_generated: row.get("publishes_generated")?,
        })
    }
}

impl Object for Publication {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE PUBLICATION ").deparsed(self.header.sql_name());
        ddl.sql(if self.is_for_all_tables { " FOR ALL TABLES" } else { "" });
        ddl.sql(" WITH (publish = ").literal(&self.operations);
        ddl.sql(if self.is_via_partition_root { ", publish_via_partition_root = true" } else { "" });
        ddl.sql(if self.publishes_generated { ", publish_generated_columns = stored" } else { "" });
        ddl.sql(")").end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP PUBLICATION ").deparsed(self.header.sql_name()).end();
    }
}
