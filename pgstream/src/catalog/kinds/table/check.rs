//! Checks, and not-null constraints that are not valid. A check stands inside its table if all rows are known to pass it.

use crate::catalog::kind::Record;
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Repairs, Role, Section, class};
use crate::ddl::Ddl;
use crate::error::CatalogError;
use crate::name::QualifiedName;

#[derive(Debug)]
pub(super) struct Check {
    header: ObjectHeader,
    table: QualifiedName,
    definition: String,
    /// Not valid, or not enforced: rows may break it, so it comes after them.
    is_separate: bool,
    /// Whether the table itself has to say it.
    is_printed: bool,
}

/// What a table has to know about a check that stands inside it.
#[derive(Debug, Clone)]
pub(super) struct InlineCheck {
    pub(super) id: ObjectId,
    name: String,
    definition: String,
}

/// The table that a check is on.
#[derive(Debug, Clone, Copy)]
pub(super) struct CheckedTable<'a> {
    pub(super) id: ObjectId,
    pub(super) name: &'a QualifiedName,
    pub(super) owner: &'a str,
    pub(super) is_partition: bool,
}

impl Check {
    pub(super) fn decode(row: Record<'_>, table: CheckedTable<'_>) -> Result<Self, CatalogError> {
        let is_separate = !row.get::<bool>("is_valid")?;
        let is_local: bool = row.get("is_local")?;
        let is_check = row.char("contype")? == 'c';
        Ok(Self {
            header: Self::decode_header(row, table, is_check, is_separate)?,
            table: table.name.clone(),
            definition: row.get("definition")?,
            is_separate,
            is_printed: is_local || table.is_partition && !is_separate,
        })
    }

    fn decode_header(
        row: Record<'_>,
        table: CheckedTable<'_>,
        is_check: bool,
        is_separate: bool,
    ) -> Result<ObjectHeader, CatalogError> {
        let name: String = row.get("name")?;
        let id = ObjectId::new(class::PG_CONSTRAINT, row.get("oid")?);
        let section = if is_separate { Section::PostData } else { Section::PreData };
        let (role, desc) = match is_check {
            true => (Role::Check { table: table.id }, "CHECK CONSTRAINT"),
            false => (Role::Constraint, "CONSTRAINT"),
        };
        let mut header = ObjectHeader::new(id, role, desc, section, name.as_str());
        header.schema = Some(table.name.schema.clone());
        header.tag = [table.name.name.as_str(), name.as_str()].join(" ");
        header.tie_break.clone_from(&table.name.name);
        header.owner = Some(table.owner.to_owned());
        header.address = Some(Address::constraint(&name, table.name));
        header.belongs_to = Some(table.id);
        Ok(header)
    }

    /// The check as its table has it, if it stands there.
    pub(super) fn inline(&self) -> Option<InlineCheck> {
        (self.is_printed && !self.is_separate).then(|| InlineCheck {
            id: self.header.id,
            name: self.header.name.clone(),
            definition: self.definition.clone(),
        })
    }
}

impl InlineCheck {
    /// Appends the check as it stands in `CREATE TABLE`.
    pub(super) fn render(&self, ddl: &mut Ddl) {
        ddl.sql("CONSTRAINT ").ident(&self.name).sql(" ").deparsed(&self.definition);
    }
}

impl Object for Check {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn is_entry(&self, repairs: &Repairs) -> bool {
        self.is_printed && (self.is_separate || repairs.is_separate(self.header.id))
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        // Without ONLY, so that it reaches the children, which do not say it themselves.
        ddl.sql("ALTER TABLE ").name(&self.table).sql("\n    ADD CONSTRAINT ").ident(&self.header.name);
        ddl.sql(" ").deparsed(&self.definition).end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("ALTER TABLE ").name(&self.table).sql(" DROP CONSTRAINT ").ident(&self.header.name).end();
    }

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        let Some(table) = self.header.belongs_to else { return Vec::new() };
        match self.inline() {
            // Inside the table: what it needs must be there before the table.
            Some(inline) => vec![(table, inline.id)],
            None => vec![(self.header.id, table)],
        }
    }
}

/// A not-null constraint that stands inside its table and has a comment.
#[derive(Debug)]
pub(super) struct CommentedNotNull {
    header: ObjectHeader,
}

impl CommentedNotNull {
    pub(super) fn new(oid: u32, name: &str, table: CheckedTable<'_>) -> Self {
        let id = ObjectId::new(class::PG_CONSTRAINT, oid);
        let mut header = ObjectHeader::new(id, Role::NotNull, "CONSTRAINT", Section::PreData, name);
        header.schema = Some(table.name.schema.clone());
        header.tag = [table.name.name.as_str(), name].join(" ");
        header.tie_break.clone_from(&table.name.name);
        header.owner = Some(table.owner.to_owned());
        header.address = Some(Address::constraint(name, table.name));
        header.belongs_to = Some(table.id);
        Self { header }
    }
}

impl Object for CommentedNotNull {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn is_entry(&self, _repairs: &Repairs) -> bool {
        false
    }

    fn render_create(&self, _ddl: &mut Ddl, _repairs: &Repairs) {}

    fn render_drop(&self, _ddl: &mut Ddl, _repairs: &Repairs) {}

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        self.header.belongs_to.map(|table| (self.header.id, table)).into_iter().collect()
    }
}
