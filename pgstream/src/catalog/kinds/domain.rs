//! Domains and their constraints.
//!
//! A constraint stands inside its domain, unless it is not validated or a repair moved it.

use std::collections::HashMap;

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::kinds::type_header;
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Repairs, Role, Section, class};
use crate::ddl::{Ddl, identifier};
use crate::error::CatalogError;
use crate::name::QualifiedName;

pub(crate) struct DomainKind;

impl ObjectKind for DomainKind {
    fn name(&self) -> &'static str {
        "domain"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const { &[catalog_query!("domain.sql"), catalog_query!("domain_constraint.sql")] }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        let mut constraints: HashMap<u32, Vec<Constraint>> = HashMap::new();
        for row in results[1].iter() {
            constraints.entry(row.get("domain")?).or_default().push(Constraint::decode(row)?);
        }
        for row in results[0].iter() {
            let mut domain = Domain::decode(row)?;
            domain.constraints = constraints.remove(&domain.header.id.oid).unwrap_or_default();
            for constraint in &domain.constraints {
                found.push(constraint.as_object(&domain));
            }
            found.push(domain);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Domain {
    header: ObjectHeader,
    name: QualifiedName,
    base_type: String,
    collation: Option<String>,
    is_not_null: bool,
    default: Option<Default>,
    constraints: Vec<Constraint>,
}

#[derive(Debug)]
enum Default {
    Expression(String),
    Literal(String),
}

#[derive(Debug, Clone)]
struct Constraint {
    id: ObjectId,
    name: String,
    is_not_null: bool,
    definition: String,
    is_validated: bool,
}

impl Domain {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let (header, name) = type_header::decode(row, Role::Domain, "DOMAIN")?;
        let expression = row.get::<Option<String>>("default_expression")?.map(Default::Expression);
        let default = match expression {
            Some(expression) => Some(expression),
            None => row.get::<Option<String>>("default_text")?.map(Default::Literal),
        };
        Ok(Self {
            header,
            name,
            base_type: row.get("base_type")?,
            collation: row.get("collation")?,
            is_not_null: row.get("is_not_null")?,
            default,
            constraints: Vec::new(),
        })
    }

    fn inline_constraints<'a>(&'a self, repairs: &'a Repairs) -> impl Iterator<Item = &'a Constraint> {
        self.constraints.iter().filter(|c| c.is_validated && !repairs.is_separate(c.id))
    }

    fn render_not_null(&self, ddl: &mut Ddl, repairs: &Repairs) {
        if !self.is_not_null {
            return;
        }
        match self.constraints.iter().find(|c| c.is_not_null) {
            Some(constraint) if repairs.is_separate(constraint.id) => {}
            // The name that the server would choose is left to it.
            Some(constraint) if constraint.name != format!("{}_not_null", self.name.name) => {
                ddl.sql(" CONSTRAINT ").ident(&constraint.name).sql(" NOT NULL");
            }
            _ => {
                ddl.sql(" NOT NULL");
            }
        }
    }
}

impl Object for Domain {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, repairs: &Repairs) {
        ddl.sql("CREATE DOMAIN ").name(&self.name).sql(" AS ").deparsed(&self.base_type);
        if let Some(collation) = &self.collation {
            ddl.sql(" COLLATE ").deparsed(collation);
        }
        self.render_not_null(ddl, repairs);
        match &self.default {
            Some(Default::Expression(sql)) => ddl.sql(" DEFAULT ").deparsed(sql),
            Some(Default::Literal(text)) => ddl.sql(" DEFAULT ").literal(text),
            None => ddl,
        };
        for check in self.inline_constraints(repairs).filter(|c| !c.is_not_null) {
            ddl.sql("\n\tCONSTRAINT ").ident(&check.name).sql(" ").deparsed(&check.definition);
        }
        ddl.end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP DOMAIN ").name(&self.name).end();
    }

    fn dependencies(&self) -> Vec<(ObjectId, ObjectId)> {
        let validated = self.constraints.iter().filter(|c| c.is_validated);
        validated.map(|constraint| (self.header.id, constraint.id)).collect()
    }
}

impl Constraint {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        Ok(Self {
            id: ObjectId::new(class::PG_CONSTRAINT, row.get("oid")?),
            name: row.get("name")?,
            is_not_null: row.char("kind")? == 'n',
            definition: row.get("definition")?,
            is_validated: row.get("is_validated")?,
        })
    }

    fn as_object(&self, domain: &Domain) -> DomainConstraint {
        let role = Role::DomainCheck { domain: domain.header.id };
        let section = if self.is_validated { Section::PreData } else { Section::PostData };
        let mut header = ObjectHeader::new(self.id, role, "CHECK CONSTRAINT", section, self.name.as_str());
        header.schema = Some(domain.name.schema.clone());
        header.tie_break = domain.name.name.clone();
        header.tag = format!("{} {}", domain.name.name, self.name);
        header.belongs_to = Some(domain.header.id);
        let on = domain.header.address.as_ref().map_or("", |a| a.sql.as_str());
        let sql = format!("{} ON DOMAIN {on}", identifier(&self.name));
        header.address = Some(Address { keyword: "CONSTRAINT", grant_keyword: "CONSTRAINT", sql });
        DomainConstraint { header, domain: domain.name.clone(), constraint: self.clone() }
    }
}

#[derive(Debug)]
struct DomainConstraint {
    header: ObjectHeader,
    domain: QualifiedName,
    constraint: Constraint,
}

impl Object for DomainConstraint {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn is_entry(&self, repairs: &Repairs) -> bool {
        !self.constraint.is_validated || repairs.is_separate(self.header.id)
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("ALTER DOMAIN ").name(&self.domain).sql("\n    ADD CONSTRAINT ").ident(&self.constraint.name);
        ddl.sql(" ").deparsed(&self.constraint.definition).end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("ALTER DOMAIN ").name(&self.domain).sql(" DROP CONSTRAINT ").ident(&self.constraint.name).end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constraint(oid: u32, name: &str, definition: &str) -> Constraint {
        Constraint {
            id: ObjectId::new(class::PG_CONSTRAINT, oid),
            name: name.into(),
            is_not_null: definition == "NOT NULL",
            definition: definition.into(),
            is_validated: true,
        }
    }

    fn domain(constraints: Vec<Constraint>) -> Domain {
        Domain {
            header: ObjectHeader::new(ObjectId::data_type(1), Role::Domain, "DOMAIN", Section::PreData, "d"),
            name: QualifiedName::new("public", "d"),
            base_type: "text".into(),
            collation: Some("pg_catalog.\"C\"".into()),
            is_not_null: true,
            default: Some(Default::Literal("x".into())),
            constraints,
        }
    }

    fn created(domain: &Domain, repairs: &Repairs) -> String {
        let mut ddl = Ddl::new();
        domain.render_create(&mut ddl, repairs);
        ddl.into_string()
    }

    #[test]
    fn a_separate_check_is_left_out_of_its_domain() {
        let domain = domain(vec![constraint(2, "a", "CHECK (VALUE > 'a'::text)"), constraint(3, "b", "CHECK (f(VALUE))")]);
        let mut repairs = Repairs::default();
        repairs.separate.insert(ObjectId::new(class::PG_CONSTRAINT, 3));
        let head = "CREATE DOMAIN public.d AS text COLLATE pg_catalog.\"C\" NOT NULL DEFAULT 'x'";
        assert_eq!(created(&domain, &repairs), format!("{head}\n\tCONSTRAINT a CHECK (VALUE > 'a'::text);\n"));
        assert!(domain.constraints[1].as_object(&domain).is_entry(&repairs));
    }

    #[test]
    fn not_null_has_a_name_only_when_it_is_not_the_servers() {
        for (name, expected) in [("d_not_null", " NOT NULL DEFAULT"), ("mine", " CONSTRAINT mine NOT NULL DEFAULT")] {
            let sql = created(&domain(vec![constraint(2, name, "NOT NULL")]), &Repairs::default());
            assert!(sql.contains(expected), "{name}: {sql}");
        }
    }
}
