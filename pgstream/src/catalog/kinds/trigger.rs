//! Triggers, constraint triggers among them.
//!
//! A row trigger on a partitioned table has copies on the partitions, which the server makes. Such a copy is an object here
//! only if it was switched otherwise than the trigger it is a copy of, and then it is only switched.

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Repairs, Role, Section, class};
use crate::ddl::{Ddl, identifier, qualified};
use crate::error::CatalogError;
use crate::name::QualifiedName;

pub(crate) struct TriggerKind;

impl ObjectKind for TriggerKind {
    fn name(&self) -> &'static str {
        "trigger"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const { &[catalog_query!("trigger.sql")] }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        for row in results[0].iter() {
            found.push(Trigger::decode(row)?);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Trigger {
    header: ObjectHeader,
    relation: QualifiedName,
    is_on_foreign_table: bool,
    /// A whole statement, without its semicolon.
    definition: String,
    /// `O` origin and local, `R` replica, `A` always, `D` disabled.
    state: char,
    is_copy: bool,
    depends_on_extensions: Vec<String>,
}

impl Trigger {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let relation = QualifiedName::new(row.get::<String>("schema")?, row.get::<String>("relation_name")?);
        Ok(Self {
            header: Self::decode_header(row, &relation)?,
            is_on_foreign_table: row.char("relkind")? == 'f',
            definition: row.get("definition")?,
            state: row.char("state")?,
            is_copy: row.get("is_copy")?,
            depends_on_extensions: row.get("depends_on_extensions")?,
            relation,
        })
    }

    fn decode_header(row: Record<'_>, relation: &QualifiedName) -> Result<ObjectHeader, CatalogError> {
        let name: String = row.get("name")?;
        let id = ObjectId::new(class::PG_TRIGGER, row.get("oid")?);
        let mut header = ObjectHeader::new(id, Role::Trigger, "TRIGGER", Section::PostData, name.as_str());
        header.schema = Some(relation.schema.clone());
        header.tie_break = relation.name.clone();
        header.tag = format!("{} {name}", relation.name);
        header.belongs_to = Some(ObjectId::relation(row.get("relation")?));
        let sql = format!("{} ON {}", identifier(&name), qualified(&relation.schema, &relation.name));
        header.address = Some(Address { keyword: "TRIGGER", grant_keyword: "TRIGGER", sql });
        Ok(header)
    }

    /// How the trigger is switched, unless it is as every new one.
    fn switch(&self) -> Option<&'static str> {
        match self.state {
            'D' => Some("DISABLE TRIGGER "),
            'A' => Some("ENABLE ALWAYS TRIGGER "),
            'R' => Some("ENABLE REPLICA TRIGGER "),
            _ => self.is_copy.then_some("ENABLE TRIGGER "),
        }
    }
}

impl Object for Trigger {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        if !self.is_copy {
            ddl.deparsed(&self.definition).end();
        }
        if let Some(switch) = self.switch() {
            ddl.sql(if self.is_on_foreign_table { "\nALTER FOREIGN TABLE " } else { "\nALTER TABLE " });
            ddl.name(&self.relation).sql(" ").sql(switch).ident(&self.header.name).end();
        }
        for extension in &self.depends_on_extensions {
            ddl.sql("\nALTER TRIGGER ").ident(&self.header.name).sql(" ON ").name(&self.relation);
            ddl.sql(" DEPENDS ON EXTENSION ").ident(extension).end();
        }
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        if !self.is_copy {
            ddl.sql("DROP TRIGGER ").ident(&self.header.name).sql(" ON ").name(&self.relation).end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn created(state: char, is_copy: bool) -> String {
        let id = ObjectId::new(class::PG_TRIGGER, 1);
        let trigger = Trigger {
            header: ObjectHeader::new(id, Role::Trigger, "TRIGGER", Section::PostData, "T"),
            relation: QualifiedName::new("public", "t"),
            is_on_foreign_table: false,
            definition: "CREATE TRIGGER".into(),
            state,
            is_copy,
            depends_on_extensions: Vec::new(),
        };
        let mut ddl = Ddl::new();
        trigger.render_create(&mut ddl, &Repairs::default());
        ddl.into_string()
    }

    #[test]
    fn a_trigger_is_switched_as_it_was() {
        for (state, is_copy, expected) in [
            ('O', false, "CREATE TRIGGER;\n"),
            ('D', false, "CREATE TRIGGER;\n\nALTER TABLE public.t DISABLE TRIGGER \"T\";\n"),
            ('A', false, "CREATE TRIGGER;\n\nALTER TABLE public.t ENABLE ALWAYS TRIGGER \"T\";\n"),
            ('R', true, "\nALTER TABLE public.t ENABLE REPLICA TRIGGER \"T\";\n"),
            ('O', true, "\nALTER TABLE public.t ENABLE TRIGGER \"T\";\n"),
        ] {
            assert_eq!(created(state, is_copy), expected, "state {state}, copy {is_copy}");
        }
    }
}
