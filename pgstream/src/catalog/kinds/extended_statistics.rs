//! Extended statistics (`CREATE STATISTICS`): what `ANALYZE` shall gather about several columns or expressions. What it has
//! gathered is not carried: the target's own `ANALYZE` gathers it anew.

use crate::catalog::kind::{Record, kind_of_rows};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Repairs, Role, Section, class};
use crate::ddl::{Ddl, qualified};
use crate::error::CatalogError;

kind_of_rows!(ExtendedStatisticsKind, "extended_statistics", "extended_statistics.sql", ExtendedStatistics);

#[derive(Debug)]
struct ExtendedStatistics {
    header: ObjectHeader,
    /// A whole statement, without its semicolon.
    definition: String,
    /// How much detail is gathered; `None` for the default.
    statistics_target: Option<i32>,
}

impl ExtendedStatistics {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let (schema, name) = (row.get::<String>("schema")?, row.get::<String>("name")?);
        let id = ObjectId::new(class::PG_STATISTIC_EXT, row.get("oid")?);
        let mut header = ObjectHeader::new(id, Role::ExtendedStatistics, "STATISTICS", Section::PostData, name.as_str());
        let sql = qualified(&schema, &name);
        header.address = Some(Address { keyword: "STATISTICS", grant_keyword: "STATISTICS", sql });
        header.schema = Some(schema);
        header.owner = Some(row.get("owner")?);
        header.belongs_to = Some(ObjectId::relation(row.get("relation")?));
        // The default is null from 17 on, and -1 before.
        let statistics_target = row.get::<Option<i32>>("statistics_target")?.filter(|target| *target >= 0);
        Ok(Self { header, definition: row.get("definition")?, statistics_target })
    }
}

impl Object for ExtendedStatistics {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.deparsed(&self.definition).end();
        if let Some(target) = self.statistics_target {
            ddl.sql("ALTER STATISTICS ").deparsed(self.header.sql_name()).sql(" SET STATISTICS ").number(target).end();
        }
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP STATISTICS ").deparsed(self.header.sql_name()).end();
    }
}
