//! Default privileges: what objects that a role will make in future are granted.
//!
//! They are set with the other privileges, behind everything that is made here, so that they do not apply to it.

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::{Object, ObjectHeader, ObjectId, Privileges, Repairs, Role, Section, class};
use crate::ddl::{Acl, Ddl, GrantTarget, render_privileges};
use crate::error::CatalogError;

pub(crate) struct DefaultPrivilegesKind;

impl ObjectKind for DefaultPrivilegesKind {
    fn name(&self) -> &'static str {
        "default_privileges"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const { &[catalog_query!("default_privileges.sql")] }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        for row in results[0].iter() {
            found.push(DefaultPrivileges::decode(row)?);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct DefaultPrivileges {
    header: ObjectHeader,
    role: String,
    object_type: char,
    privileges: Privileges,
    major: u32,
}

impl DefaultPrivileges {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let role: String = row.get("role")?;
        let object_type = row.char("object_type")?;
        let id = ObjectId::new(class::PG_DEFAULT_ACL, row.get("oid")?);
        let name = format!("DEFAULT PRIVILEGES FOR {}", keyword(object_type));
        let mut header = ObjectHeader::new(id, Role::DefaultPrivileges, "DEFAULT ACL", Section::PostData, name);
        header.schema = row.get("schema")?;
        header.tie_break = role.clone();
        header.owner = Some(role.clone());
        let privileges = Privileges { actual: row.get("acl")?, baseline: row.get("baseline")? };
        Ok(Self { header, role, object_type, privileges, major: row.get::<i32>("major")?.unsigned_abs() })
    }
}

fn keyword(object_type: char) -> &'static str {
    match object_type {
        'r' => "TABLES",
        'S' => "SEQUENCES",
        'f' => "FUNCTIONS",
        'T' => "TYPES",
        'n' => "SCHEMAS",
        _ => "LARGE OBJECTS",
    }
}

impl Object for DefaultPrivileges {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        let target = GrantTarget {
            keyword: keyword(self.object_type),
            object: "",
            column: None,
            owner: &self.role,
            default_in: Some(self.header.schema.as_deref()),
            major: self.major,
        };
        let acl = Acl { actual: self.privileges.actual.as_deref(), baseline: &self.privileges.baseline };
        render_privileges(ddl, &target, acl);
    }

    fn render_drop(&self, _ddl: &mut Ddl, _repairs: &Repairs) {}
}
