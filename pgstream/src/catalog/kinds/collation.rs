//! Collations. Their version is the target's business.

use crate::catalog::kind::{Record, kind_of_rows};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Repairs, Role, Section, class};
use crate::ddl::{Ddl, qualified};
use crate::error::CatalogError;

kind_of_rows!(CollationKind, "collation", "collation.sql", Collation);

#[derive(Debug)]
struct Collation {
    header: ObjectHeader,
    /// `c` libc, `i` ICU, `b` builtin, `d` the database's default.
    provider: char,
    is_deterministic: bool,
    /// Of libc alone.
    collate: Option<String>,
    /// Of libc alone.
    character_type: Option<String>,
    /// Of the other providers.
    locale: Option<String>,
    rules: Option<String>,
}

impl Collation {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let (schema, name) = (row.get::<String>("schema")?, row.get::<String>("name")?);
        let id = ObjectId::new(class::PG_COLLATION, row.get("oid")?);
        let mut header = ObjectHeader::new(id, Role::Collation, "COLLATION", Section::PreData, name.as_str());
        let sql = qualified(&schema, &name);
        header.address = Some(Address { keyword: "COLLATION", grant_keyword: "COLLATION", sql });
        header.schema = Some(schema);
        header.owner = Some(row.get("owner")?);
        Ok(Self {
            header,
            provider: row.char("provider")?,
            is_deterministic: row.get("is_deterministic")?,
            collate: row.get("collate")?,
            character_type: row.get("character_type")?,
            locale: row.get("locale")?,
            rules: row.get("rules")?,
        })
    }

    fn render_locale(&self, ddl: &mut Ddl) {
        let clauses = match self.provider {
            'c' if self.collate == self.character_type => [(", locale = ", &self.collate), ("", &None)],
            'c' => [(", lc_collate = ", &self.collate), (", lc_ctype = ", &self.character_type)],
            'd' => return,
            _ => [(", locale = ", &self.locale), (", rules = ", &self.rules)],
        };
        for (word, value) in clauses {
            if let Some(value) = value {
                ddl.sql(word).literal(value);
            }
        }
    }
}

impl Object for Collation {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE COLLATION ").deparsed(self.header.sql_name()).sql(" (provider = ").sql(match self.provider {
            'i' => "icu",
            'b' => "builtin",
            'd' => "default",
            _ => "libc",
        });
        if !self.is_deterministic {
            ddl.sql(", deterministic = false");
        }
        self.render_locale(ddl);
        ddl.sql(")").end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP COLLATION ").deparsed(self.header.sql_name()).end();
    }
}
