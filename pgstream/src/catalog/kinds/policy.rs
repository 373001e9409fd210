//! Row security policies. Whether they are enforced is a property of the table.

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Repairs, Role, Section, class};
use crate::ddl::{Ddl, identifier, qualified};
use crate::error::CatalogError;
use crate::name::QualifiedName;

pub(crate) struct PolicyKind;

impl ObjectKind for PolicyKind {
    fn name(&self) -> &'static str {
        "policy"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const { &[catalog_query!("policy.sql")] }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        for row in results[0].iter() {
            found.push(Policy::decode(row)?);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Policy {
    header: ObjectHeader,
    relation: QualifiedName,
    /// `*` all, `r` SELECT, `a` INSERT, `w` UPDATE, `d` DELETE.
    command: char,
    is_permissive: bool,
    /// Empty for `PUBLIC`.
    roles: Vec<String>,
    using: Option<String>,
    check: Option<String>,
}

impl Policy {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let relation = QualifiedName::new(row.get::<String>("schema")?, row.get::<String>("relation_name")?);
        let name: String = row.get("name")?;
        let id = ObjectId::new(class::PG_POLICY, row.get("oid")?);
        let mut header = ObjectHeader::new(id, Role::Policy, "POLICY", Section::PostData, name.as_str());
        header.schema = Some(relation.schema.clone());
        header.tie_break = relation.name.clone();
        header.tag = format!("{} {name}", relation.name);
        header.belongs_to = Some(ObjectId::relation(row.get("relation")?));
        let sql = format!("{} ON {}", identifier(&name), qualified(&relation.schema, &relation.name));
        header.address = Some(Address { keyword: "POLICY", grant_keyword: "POLICY", sql });
        Ok(Self {
            header,
            relation,
            command: row.char("command")?,
            is_permissive: row.get("is_permissive")?,
            roles: row.get("roles")?,
            using: row.get("using_expression")?,
            check: row.get("check_expression")?,
        })
    }
}

impl Object for Policy {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE POLICY ").ident(&self.header.name).sql(" ON ").name(&self.relation);
        ddl.sql(if self.is_permissive { "" } else { " AS RESTRICTIVE" });
        ddl.sql(match self.command {
            'r' => " FOR SELECT",
            'a' => " FOR INSERT",
            'w' => " FOR UPDATE",
            'd' => " FOR DELETE",
            _ => "",
        });
        if !self.roles.is_empty() {
            ddl.sql(" TO ").idents(self.roles.iter().map(String::as_str));
        }
        if let Some(using) = &self.using {
            ddl.sql(" USING (").deparsed(using).sql(")");
        }
        if let Some(check) = &self.check {
            ddl.sql(" WITH CHECK (").deparsed(check).sql(")");
        }
        ddl.end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP POLICY ").ident(&self.header.name).sql(" ON ").name(&self.relation).end();
    }
}
