//! Operator families and operator classes.
//!
//! A member belongs to the class that it was made with, or to the family alone if it was added there; the server remembers
//! which in `pg_depend`. That a class stands on its operators and functions is known through the members only.

mod member;

use std::collections::HashMap;

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Repairs, Role, Section, class};
use crate::ddl::{Ddl, identifier, qualified};
use crate::error::CatalogError;

use member::Member;

pub(crate) struct OperatorClassKind;

impl ObjectKind for OperatorClassKind {
    fn name(&self) -> &'static str {
        "operator_class"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const { &[catalog_query!("family.sql"), catalog_query!("class.sql"), catalog_query!("member.sql")] }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        let mut members: HashMap<ObjectId, Vec<Member>> = HashMap::new();
        for row in results[2].iter() {
            let member = Member::decode(row)?;
            found.dependencies.push((member.holder, member.id));
            members.entry(member.holder).or_default().push(member);
        }
        for row in results[0].iter() {
            found.push(OperatorFamily::decode(row, &mut members)?);
        }
        for row in results[1].iter() {
            found.push(OperatorClass::decode(row, &mut members)?);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct OperatorFamily {
    header: ObjectHeader,
    members: Vec<Member>,
}

/// What families and classes have in common. `keyword` is also the word in the table of contents.
fn decode_header(row: Record<'_>, class: u32, role: Role, keyword: &'static str) -> Result<ObjectHeader, CatalogError> {
    let (schema, name) = (row.get::<String>("schema")?, row.get::<String>("name")?);
    let access_method: String = row.get("access_method")?;
    let mut header = ObjectHeader::new(ObjectId::new(class, row.get("oid")?), role, keyword, Section::PreData, name.as_str());
    let sql = format!("{} USING {}", qualified(&schema, &name), identifier(&access_method));
    header.address = Some(Address { keyword, grant_keyword: keyword, sql });
    header.schema = Some(schema);
    header.owner = Some(row.get("owner")?);
    header.tie_break = access_method;
    Ok(header)
}

impl OperatorFamily {
    fn decode(row: Record<'_>, members: &mut HashMap<ObjectId, Vec<Member>>) -> Result<Self, CatalogError> {
        let header = decode_header(row, class::PG_OPFAMILY, Role::OperatorFamily, "OPERATOR FAMILY")?;
        let members = members.remove(&header.id).unwrap_or_default();
        Ok(Self { header, members })
    }
}

impl Object for OperatorFamily {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE OPERATOR FAMILY ").deparsed(self.header.sql_name()).end();
        if !self.members.is_empty() {
            ddl.sql("ALTER OPERATOR FAMILY ").deparsed(self.header.sql_name()).sql(" ADD\n    ");
            member::render_list(ddl, &self.members);
            ddl.end();
        }
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP OPERATOR FAMILY ").deparsed(self.header.sql_name()).end();
    }
}

#[derive(Debug)]
struct OperatorClass {
    header: ObjectHeader,
    name: String,
    access_method: String,
    is_default: bool,
    data_type: String,
    /// Where an index stores another type than it indexes.
    stored_type: Option<String>,
    family: String,
    members: Vec<Member>,
}

impl OperatorClass {
    fn decode(row: Record<'_>, members: &mut HashMap<ObjectId, Vec<Member>>) -> Result<Self, CatalogError> {
        let header = decode_header(row, class::PG_OPCLASS, Role::OperatorClass, "OPERATOR CLASS")?;
        let members = members.remove(&header.id).unwrap_or_default();
        let (schema, name) = (header.schema.clone().unwrap_or_default(), header.name.clone());
        Ok(Self {
            members,
            name: qualified(&schema, &name),
            access_method: row.get("access_method")?,
            is_default: row.get("is_default")?,
            data_type: row.get("data_type")?,
            stored_type: row.get("stored_type")?,
            family: qualified(row.get("family_schema")?, row.get("family_name")?),
            header,
        })
    }
}

impl Object for OperatorClass {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE OPERATOR CLASS ").deparsed(&self.name).sql(if self.is_default { "\n    DEFAULT" } else { "\n   " });
        ddl.sql(" FOR TYPE ").deparsed(&self.data_type).sql(" USING ").ident(&self.access_method);
        ddl.sql(" FAMILY ").deparsed(&self.family).sql(" AS\n    ");
        // An empty list is no syntax: the type that is stored anyway says nothing new.
        let stored = self.stored_type.as_ref().or(self.members.is_empty().then_some(&self.data_type));
        if let Some(stored) = stored {
            ddl.sql("STORAGE ").deparsed(stored).sql(if self.members.is_empty() { "" } else { " ,\n    " });
        }
        member::render_list(ddl, &self.members);
        ddl.end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP OPERATOR CLASS ").deparsed(self.header.sql_name()).end();
    }
}
