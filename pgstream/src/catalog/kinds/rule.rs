//! Rules on tables and views, other than those that make a relation a view.

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Repairs, Role, Section, class};
use crate::ddl::{Ddl, identifier, qualified};
use crate::error::CatalogError;
use crate::name::QualifiedName;

pub(crate) struct RuleKind;

impl ObjectKind for RuleKind {
    fn name(&self) -> &'static str {
        "rule"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const { &[catalog_query!("rule.sql")] }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        for row in results[0].iter() {
            found.push(Rule::decode(row)?);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Rule {
    header: ObjectHeader,
    relation: QualifiedName,
    /// A whole statement, with its semicolon.
    definition: String,
    /// `O` origin and local, `R` replica, `A` always, `D` disabled.
    state: char,
}

impl Rule {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let relation = QualifiedName::new(row.get::<String>("schema")?, row.get::<String>("relation_name")?);
        let name: String = row.get("name")?;
        let role = Role::Rule { relation: ObjectId::relation(row.get("relation")?), is_view: false };
        let id = ObjectId::new(class::PG_REWRITE, row.get("oid")?);
        let mut header = ObjectHeader::new(id, role, "RULE", Section::PostData, name.as_str());
        header.schema = Some(relation.schema.clone());
        header.tie_break = relation.name.clone();
        header.tag = format!("{} {name}", relation.name);
        header.belongs_to = Some(ObjectId::relation(row.get("relation")?));
        let sql = format!("{} ON {}", identifier(&name), qualified(&relation.schema, &relation.name));
        header.address = Some(Address { keyword: "RULE", grant_keyword: "RULE", sql });
        Ok(Self { header, relation, definition: row.get("definition")?, state: row.char("state")? })
    }
}

impl Object for Rule {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.deparsed(&self.definition).sql("\n");
        let state = match self.state {
            'A' => " ENABLE ALWAYS RULE ",
            'R' => " ENABLE REPLICA RULE ",
            'D' => " DISABLE RULE ",
            _ => return,
        };
        ddl.sql("ALTER TABLE ").name(&self.relation).sql(state).ident(&self.header.name).end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP RULE ").ident(&self.header.name).sql(" ON ").name(&self.relation).end();
    }
}
