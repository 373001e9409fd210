//! Primary keys, unique and exclusion constraints.

use crate::catalog::kind::Record;
use crate::catalog::reloptions::render_with;
use crate::catalog::{LockMode, Object, ObjectHeader, ObjectId, Repairs, Role, Step, StepWork};
use crate::ddl::Ddl;
use crate::error::CatalogError;
use crate::name::QualifiedName;

use super::decode_header;

#[derive(Debug)]
pub(super) struct Key {
    header: ObjectHeader,
    table_id: ObjectId,
    table: QualifiedName,
    is_partitioned: bool,
    definition: Definition,
    /// The index that the constraint makes; it lives in the table's schema.
    index_name: String,
    is_clustered: bool,
    is_replica_identity: bool,
}

#[derive(Debug)]
enum Definition {
    /// An exclusion constraint, as the server deparsed it.
    Deparsed(String),
    Columns(KeyColumns),
}

#[derive(Debug, Default)]
struct KeyColumns {
    is_primary: bool,
    is_nulls_not_distinct: bool,
    is_without_overlaps: bool,
    keys: Vec<String>,
    included: Vec<String>,
    options: Vec<String>,
    is_deferrable: bool,
    is_deferred: bool,
}

impl Key {
    pub(super) fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let (table_id, table, mut header) = decode_header(row, Role::Constraint, "CONSTRAINT")?;
        header.tablespace = Some(row.get("tablespace")?);
        let definition = match row.get::<Option<String>>("definition")? {
            Some(deparsed) => Definition::Deparsed(deparsed),
            None => Definition::Columns(KeyColumns::decode(row)?),
        };
        Ok(Self {
            header,
            table_id,
            table,
            is_partitioned: row.char("relkind")? == 'p',
            definition,
            index_name: row.get("index_name")?,
            is_clustered: row.get("is_clustered")?,
            is_replica_identity: row.get("is_replica_identity")?,
        })
    }
}

impl KeyColumns {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let mut keys: Vec<String> = row.get("columns")?;
        let key_count = usize::from(row.get::<i16>("key_count")?.unsigned_abs()).min(keys.len());
        let included = keys.split_off(key_count);
        Ok(Self {
            is_primary: row.char("contype")? == 'p',
            is_nulls_not_distinct: row.get("is_nulls_not_distinct")?,
            is_without_overlaps: row.get("is_without_overlaps")?,
            keys,
            included,
            options: row.get::<Option<_>>("options")?.unwrap_or_default(),
            is_deferrable: row.get("is_deferrable")?,
            is_deferred: row.get("is_deferred")?,
        })
    }

    fn render(&self, ddl: &mut Ddl) {
        self.render_kind(ddl);
        // A primary key can be made on such an index, but not with these words; it has no nulls anyway.
        if self.is_nulls_not_distinct && !self.is_primary {
            ddl.sql(" NULLS NOT DISTINCT");
        }
        self.render_columns(ddl);
        render_with(ddl, " ", &self.options, &[]);
        self.render_deferral(ddl);
    }

    fn render_kind(&self, ddl: &mut Ddl) {
        ddl.sql(if self.is_primary { "PRIMARY KEY" } else { "UNIQUE" });
    }

    fn render_columns(&self, ddl: &mut Ddl) {
        ddl.sql(" (").idents(self.keys.iter().map(String::as_str));
        if self.is_without_overlaps {
            ddl.sql(" WITHOUT OVERLAPS");
        }
        ddl.sql(")");
        if !self.included.is_empty() {
            ddl.sql(" INCLUDE (").idents(self.included.iter().map(String::as_str)).sql(")");
        }
    }

    fn render_deferral(&self, ddl: &mut Ddl) {
        if self.is_deferrable {
            ddl.sql(if self.is_deferred { " DEFERRABLE INITIALLY DEFERRED" } else { " DEFERRABLE" });
        }
    }

    /// The unique index alone, in the order and with the operators that a key has; `CREATE INDEX` has its own place for each clause.
    fn render_index(&self, ddl: &mut Ddl, name: &str, table: &QualifiedName) {
        ddl.sql("CREATE UNIQUE INDEX ").ident(name).sql(" ON ").name(table).sql(" USING btree");
        self.render_columns(ddl);
        if self.is_nulls_not_distinct && !self.is_primary {
            ddl.sql(" NULLS NOT DISTINCT");
        }
        render_with(ddl, " ", &self.options, &[]);
        ddl.end();
    }
}

impl Key {
    fn render_add(&self, ddl: &mut Ddl) {
        ddl.sql("ALTER TABLE ONLY ").name(&self.table).sql("\n    ADD CONSTRAINT ").ident(&self.header.name).sql(" ");
    }

    /// What the table uses the index for.
    fn render_uses(&self, ddl: &mut Ddl) {
        if self.is_clustered {
            ddl.sql("ALTER TABLE ").name(&self.table).sql(" CLUSTER ON ").ident(&self.index_name).end();
        }
        if self.is_replica_identity {
            ddl.sql("ALTER TABLE ONLY ").name(&self.table).sql(" REPLICA IDENTITY USING INDEX ").ident(&self.index_name).end();
        }
    }
}

impl Object for Key {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        self.render_add(ddl);
        match &self.definition {
            Definition::Deparsed(sql) => {
                ddl.deparsed(sql);
            }
            Definition::Columns(columns) => columns.render(ddl),
        }
        ddl.end();
        self.render_uses(ddl);
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("ALTER TABLE ONLY ").name(&self.table).sql(" DROP CONSTRAINT ").ident(&self.header.name).end();
    }

    /// Building the index as part of the constraint keeps everybody from the table; built by itself it lets the table's other
    /// indexes be built beside it. A partitioned table cannot take over an index.
    fn steps(&self) -> Vec<Step> {
        let Definition::Columns(columns) = &self.definition else { return Vec::new() };
        if self.is_partitioned || columns.is_without_overlaps {
            return Vec::new();
        }
        let (mut build, mut unbuild, mut add, mut drop) = (Ddl::new(), Ddl::new(), Ddl::new(), Ddl::new());
        // The constraint takes the name of its index, and the other way round, so that both are always called the same.
        let index = &self.header.name;
        columns.render_index(&mut build, index, &self.table);
        unbuild.sql("DROP INDEX ").name(&QualifiedName::new(self.table.schema.as_str(), index.as_str())).end();
        self.render_add(&mut add);
        columns.render_kind(&mut add);
        add.sql(" USING INDEX ").ident(index);
        columns.render_deferral(&mut add);
        add.end();
        self.render_uses(&mut add);
        self.render_drop(&mut drop, &Repairs::default());
        let table = self.table_id.oid;
        vec![
            Step {
                sql: build.into_string(),
                undo: unbuild.into_string(),
                work: StepWork::Index,
                locks: vec![(table, LockMode::Share)],
            },
            Step {
                sql: add.into_string(),
                undo: drop.into_string(),
                work: StepWork::Catalog,
                locks: vec![(table, LockMode::AccessExclusive)],
            },
        ]
    }

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        vec![(self.header.id, self.table_id)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(columns: &KeyColumns) -> String {
        let mut ddl = Ddl::new();
        columns.render(&mut ddl);
        ddl.into_string()
    }

    #[test]
    fn every_clause_of_a_key_has_its_place() {
        let columns = KeyColumns {
            is_nulls_not_distinct: true,
            keys: vec!["a".into(), "B".into()],
            included: vec!["c".into()],
            options: vec!["fillfactor=70".into()],
            is_deferrable: true,
            is_deferred: true,
            ..KeyColumns::default()
        };
        let expected = "UNIQUE NULLS NOT DISTINCT (a, \"B\") INCLUDE (c) WITH (fillfactor='70') DEFERRABLE INITIALLY DEFERRED";
        assert_eq!(render(&columns), expected);
    }

    #[test]
    fn a_primary_key_never_says_how_nulls_compare() {
        let keys = vec!["id".into(), "during".into()];
        let columns = KeyColumns {
            is_primary: true,
            is_nulls_not_distinct: true,
            is_without_overlaps: true,
            keys,
            ..KeyColumns::default()
        };
        assert_eq!(render(&columns), "PRIMARY KEY (id, during WITHOUT OVERLAPS)");
    }
}
