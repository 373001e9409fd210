//! Sequences: free ones, those owned by a column, and those of identity columns.
//!
//! The value of a sequence is not part of any snapshot. It is read after all rows, see [`crate::catalog::DataSource::Sequence`].

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::{
    Address, DataSource, Object, ObjectHeader, ObjectId, Part, Privileges, Repairs, Role, Section, SequenceData,
};
use crate::ddl::{Ddl, qualified};
use crate::error::CatalogError;
use crate::name::QualifiedName;

pub(crate) struct SequenceKind;

impl ObjectKind for SequenceKind {
    fn name(&self) -> &'static str {
        "sequence"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const { &[catalog_query!("sequence.sql")] }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        for row in results[0].iter() {
            let sequence = Sequence::decode(row)?;
            if let Some(owned_by) = sequence.owned_by() {
                found.push(owned_by);
            }
            found.push(sequence.value());
            found.push(sequence);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Sequence {
    header: ObjectHeader,
    name: QualifiedName,
    is_unlogged: bool,
    type_name: String,
    start: i64,
    increment: i64,
    minimum: i64,
    maximum: i64,
    cache: i64,
    is_cycled: bool,
    owner_column: Option<OwnerColumn>,
}

/// The column that a sequence goes with.
#[derive(Debug, Clone)]
struct OwnerColumn {
    table_id: ObjectId,
    table: QualifiedName,
    table_is_unlogged: bool,
    column: String,
    /// `a` ALWAYS, `d` BY DEFAULT; `None` for a serial column or `OWNED BY`.
    identity: Option<char>,
}

impl Sequence {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let name = QualifiedName::new(row.get::<String>("schema")?, row.get::<String>("name")?);
        let owner_column = OwnerColumn::decode(row)?;
        Ok(Self {
            header: Self::decode_header(row, &name, owner_column.as_ref())?,
            is_unlogged: row.char("persistence")? == 'u',
            type_name: row.get("type_name")?,
            start: row.get("start")?,
            increment: row.get("increment")?,
            minimum: row.get("minimum")?,
            maximum: row.get("maximum")?,
            cache: row.get("cache")?,
            is_cycled: row.get("is_cycled")?,
            owner_column,
            name,
        })
    }

    fn decode_header(row: Record<'_>, name: &QualifiedName, column: Option<&OwnerColumn>) -> Result<ObjectHeader, CatalogError> {
        let id = ObjectId::relation(row.get("oid")?);
        let mut header = ObjectHeader::new(id, Role::Sequence, "SEQUENCE", Section::PreData, name.name.as_str());
        header.schema = Some(name.schema.clone());
        header.owner = Some(row.get("owner")?);
        header.privileges = Some(Privileges { actual: row.get("acl")?, baseline: row.get("baseline")? });
        header.address =
            Some(Address { keyword: "SEQUENCE", grant_keyword: "SEQUENCE", sql: qualified(&name.schema, &name.name) });
        header.belongs_to = column.map(|c| c.table_id);
        Ok(header)
    }

    fn identity(&self) -> Option<(&OwnerColumn, char)> {
        let column = self.owner_column.as_ref()?;
        Some((column, column.identity?))
    }

    fn owned_by(&self) -> Option<OwnedBy> {
        let column = self.owner_column.clone().filter(|c| c.identity.is_none())?;
        let id = self.header.id.part(Part::OwnedBy);
        let name = self.name.name.as_str();
        let mut header = ObjectHeader::new(id, Role::SequenceOwnedBy, "SEQUENCE OWNED BY", Section::PreData, name);
        header.schema = self.header.schema.clone();
        header.owner = self.header.owner.clone();
        header.belongs_to = Some(self.header.id);
        Some(OwnedBy { header, sequence: self.name.clone(), column })
    }

    fn value(&self) -> SequenceValue {
        let id = self.header.id.part(Part::SequenceValue);
        let name = self.name.name.as_str();
        let mut header = ObjectHeader::new(id, Role::SequenceValue, "SEQUENCE SET", Section::Data, name);
        header.schema = self.header.schema.clone();
        header.owner = self.header.owner.clone();
        header.belongs_to = Some(self.header.id);
        SequenceValue { header, data: SequenceData { relation: self.header.id.oid, name: self.name.clone() } }
    }

    fn render_parameters(&self, ddl: &mut Ddl) {
        let (default_minimum, default_maximum) = self.default_bounds();
        ddl.sql("\n    START WITH ").number(self.start).sql("\n    INCREMENT BY ").number(self.increment);
        match self.minimum == default_minimum {
            true => ddl.sql("\n    NO MINVALUE"),
            false => ddl.sql("\n    MINVALUE ").number(self.minimum),
        };
        match self.maximum == default_maximum {
            true => ddl.sql("\n    NO MAXVALUE"),
            false => ddl.sql("\n    MAXVALUE ").number(self.maximum),
        };
        ddl.sql("\n    CACHE ").number(self.cache);
        if self.is_cycled {
            ddl.sql("\n    CYCLE");
        }
    }

    /// What `NO MINVALUE` and `NO MAXVALUE` mean for this type and direction.
    fn default_bounds(&self) -> (i64, i64) {
        let (lowest, highest) = match self.type_name.as_str() {
            "smallint" => (i64::from(i16::MIN), i64::from(i16::MAX)),
            "integer" => (i64::from(i32::MIN), i64::from(i32::MAX)),
            _ => (i64::MIN, i64::MAX),
        };
        if self.increment > 0 { (1, highest) } else { (lowest, -1) }
    }
}

impl OwnerColumn {
    fn decode(row: Record<'_>) -> Result<Option<Self>, CatalogError> {
        let Some(table_oid) = row.get::<Option<u32>>("table_oid")? else { return Ok(None) };
        let is_identity = row.char("ownership")? == 'i';
        Ok(Some(Self {
            table_id: ObjectId::relation(table_oid),
            table: QualifiedName::new(row.get::<String>("table_schema")?, row.get::<String>("table_name")?),
            table_is_unlogged: row.char("table_persistence")? == 'u',
            column: row.get("column_name")?,
            identity: if is_identity { Some(row.char("identity")?) } else { None },
        }))
    }
}

impl Object for Sequence {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        if let Some((owner, identity)) = self.identity() {
            ddl.sql("ALTER TABLE ").name(&owner.table).sql(" ALTER COLUMN ").ident(&owner.column).sql(" ADD GENERATED ");
            ddl.sql(if identity == 'a' { "ALWAYS" } else { "BY DEFAULT" }).sql(" AS IDENTITY (\n    SEQUENCE NAME ");
            ddl.name(&self.name);
            if self.is_unlogged != owner.table_is_unlogged {
                ddl.sql(if self.is_unlogged { "\n    UNLOGGED" } else { "\n    LOGGED" });
            }
            self.render_parameters(ddl);
            ddl.sql("\n)").end();
            return;
        }
        ddl.sql(if self.is_unlogged { "CREATE UNLOGGED SEQUENCE " } else { "CREATE SEQUENCE " }).name(&self.name);
        if self.type_name != "bigint" {
            ddl.sql("\n    AS ").deparsed(&self.type_name);
        }
        self.render_parameters(ddl);
        ddl.end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        // An identity sequence goes with its column.
        if self.identity().is_none() {
            ddl.sql("DROP SEQUENCE ").name(&self.name).end();
        }
    }
}

/// `ALTER SEQUENCE … OWNED BY`: an entry of its own, behind the change of owner, since both must have the same owner.
#[derive(Debug)]
struct OwnedBy {
    header: ObjectHeader,
    sequence: QualifiedName,
    column: OwnerColumn,
}

impl Object for OwnedBy {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("ALTER SEQUENCE ").name(&self.sequence).sql(" OWNED BY ");
        ddl.name(&self.column.table).sql(".").ident(&self.column.column).end();
    }

    fn render_drop(&self, _ddl: &mut Ddl, _repairs: &Repairs) {}

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        let id = self.header.id;
        vec![(id, id.part(Part::Itself)), (id, self.column.table_id)]
    }
}

#[derive(Debug)]
struct SequenceValue {
    header: ObjectHeader,
    data: SequenceData,
}

impl Object for SequenceValue {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    // The statement is made when the value is known.
    fn render_create(&self, _ddl: &mut Ddl, _repairs: &Repairs) {}

    fn render_drop(&self, _ddl: &mut Ddl, _repairs: &Repairs) {}

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        vec![(self.header.id, self.header.id.part(Part::Itself))]
    }

    fn data(&self) -> Option<DataSource> {
        Some(DataSource::Sequence(self.data.clone()))
    }
}
