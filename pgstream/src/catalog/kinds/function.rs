//! Functions and procedures.
//!
//! A body in standard SQL comes from the server's parse tree, and so has dependencies; such a function can be postponed behind
//! the rows. A body that is a string has none that anybody knows.

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::{Address, Object, ObjectHeader, ObjectId, Privileges, Repairs, Role, Section, class};
use crate::ddl::{Ddl, qualified, render_setting};
use crate::error::CatalogError;
use crate::name::QualifiedName;

pub(crate) struct FunctionKind;

impl ObjectKind for FunctionKind {
    fn name(&self) -> &'static str {
        "function"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const { &[catalog_query!("function.sql")] }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        for row in results[0].iter() {
            found.push(Function::decode(row)?);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Function {
    header: ObjectHeader,
    keyword: &'static str,
    name: QualifiedName,
    arguments: String,
    /// `public.f(n integer)`, rendered.
    signature: String,
    /// `None` for a procedure.
    result: Option<String>,
    language: String,
    transforms: Vec<String>,
    traits: Traits,
    settings: Vec<String>,
    body: Body,
    depends_on_extensions: Vec<String>,
}

/// What the planner is told about a function.
#[derive(Debug)]
struct Traits {
    is_window: bool,
    volatility: char,
    is_strict: bool,
    is_security_definer: bool,
    is_leakproof: bool,
    cost: String,
    /// Estimated rows, for functions that return a set.
    rows: Option<String>,
    support: Option<String>,
    parallel: char,
}

#[derive(Debug)]
enum Body {
    /// Standard SQL, deparsed.
    Sql(String),
    /// A symbol in a shared library.
    Library { library: String, symbol: String },
    /// Text that only the language understands.
    Source(String),
}

impl Function {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let name = QualifiedName::new(row.get::<String>("schema")?, row.get::<String>("name")?);
        let kind = row.char("kind")?;
        let keyword = if kind == 'p' { "PROCEDURE" } else { "FUNCTION" };
        let types: String = row.get("argument_types")?;
        let identity: String = row.get("identity_arguments")?;
        let signature = format!("{}({identity})", qualified(&name.schema, &name.name));
        let mut header = routine_header(row, Role::Function, keyword, &name, &types)?;
        header.address = Some(Address { keyword, grant_keyword: keyword, sql: signature.clone() });
        Ok(Self {
            header,
            keyword,
            arguments: row.get("arguments")?,
            signature,
            result: if kind == 'p' { None } else { row.get("result")? },
            language: row.get("language")?,
            transforms: row.get("transforms")?,
            traits: Traits::decode(row, kind)?,
            settings: row.get::<Option<Vec<String>>>("settings")?.unwrap_or_default(),
            body: Body::decode(row)?,
            depends_on_extensions: row.get("depends_on_extensions")?,
            name,
        })
    }

    fn has_default_cost(&self) -> bool {
        let default = if matches!(self.language.as_str(), "internal" | "c") { "1" } else { "100" };
        self.traits.cost == "0" || self.traits.cost == default
    }

    fn render_traits(&self, ddl: &mut Ddl) {
        let traits = &self.traits;
        let clauses = [
            (traits.is_window, " WINDOW"),
            (traits.volatility == 'i', " IMMUTABLE"),
            (traits.volatility == 's', " STABLE"),
            (traits.is_strict, " STRICT"),
            (traits.is_security_definer, " SECURITY DEFINER"),
            (traits.is_leakproof, " LEAKPROOF"),
        ];
        for (_, clause) in clauses.into_iter().filter(|(is_set, _)| *is_set) {
            ddl.sql(clause);
        }
        if !self.has_default_cost() {
            ddl.sql(" COST ").deparsed(&traits.cost);
        }
        if let Some(rows) = traits.rows.as_deref().filter(|rows| !matches!(*rows, "0" | "1000")) {
            ddl.sql(" ROWS ").deparsed(rows);
        }
        if let Some(support) = &traits.support {
            ddl.sql(" SUPPORT ").deparsed(support);
        }
        match traits.parallel {
            's' => ddl.sql(" PARALLEL SAFE"),
            'r' => ddl.sql(" PARALLEL RESTRICTED"),
            _ => ddl,
        };
    }
}

/// The header of a function, procedure or aggregate, without its address.
///
/// # Errors
/// [`CatalogError::Decode`] if a column is missing.
pub(super) fn routine_header(
    row: Record<'_>,
    role: Role,
    desc: &'static str,
    name: &QualifiedName,
    types: &str,
) -> Result<ObjectHeader, CatalogError> {
    let id = ObjectId::new(class::PG_PROC, row.get("oid")?);
    let mut header = ObjectHeader::new(id, role, desc, Section::PreData, name.name.as_str());
    header.schema = Some(name.schema.clone());
    header.tag = format!("{}({types})", name.name);
    header.tie_break = types.to_owned();
    header.owner = Some(row.get("owner")?);
    header.privileges = Some(Privileges { actual: row.get("acl")?, baseline: row.get("baseline")? });
    Ok(header)
}

impl Traits {
    fn decode(row: Record<'_>, kind: char) -> Result<Self, CatalogError> {
        Ok(Self {
            is_window: kind == 'w',
            volatility: row.char("volatility")?,
            is_strict: row.get("is_strict")?,
            is_security_definer: row.get("is_security_definer")?,
            is_leakproof: row.get("is_leakproof")?,
            cost: row.get("cost")?,
            rows: if row.get("returns_set")? { Some(row.get("rows")?) } else { None },
            support: row.get("support")?,
            parallel: row.char("parallel")?,
        })
    }
}

impl Body {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        if let Some(sql) = row.get::<Option<String>>("sql_body")? {
            return Ok(Self::Sql(sql));
        }
        let source: String = row.get("source")?;
        Ok(match row.get::<Option<String>>("library")? {
            Some(library) => Self::Library { library, symbol: source },
            None => Self::Source(source),
        })
    }

    fn render(&self, ddl: &mut Ddl) {
        match self {
            Self::Sql(sql) => ddl.deparsed(sql),
            Self::Source(source) => ddl.sql("AS ").dollar_quoted(source),
            Self::Library { library, symbol } => {
                ddl.sql("AS ").literal(library);
                match symbol.contains(['\'', '\\']) {
                    _ if symbol.is_empty() => ddl,
                    true => ddl.sql(", ").dollar_quoted(symbol),
                    false => ddl.sql(", ").literal(symbol),
                }
            }
        };
    }
}

impl Object for Function {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE ").sql(self.keyword).sql(" ").name(&self.name).sql("(").deparsed(&self.arguments).sql(")");
        if let Some(result) = &self.result {
            ddl.sql(" RETURNS ").deparsed(result);
        }
        ddl.sql("\n    LANGUAGE ").ident(&self.language);
        for (i, transform) in self.transforms.iter().enumerate() {
            ddl.sql(if i > 0 { ", FOR TYPE " } else { " TRANSFORM FOR TYPE " }).deparsed(transform);
        }
        self.render_traits(ddl);
        for setting in &self.settings {
            ddl.sql("\n    SET ");
            render_setting(ddl, setting);
        }
        ddl.sql("\n    ");
        self.body.render(ddl);
        ddl.end();
        for extension in &self.depends_on_extensions {
            ddl.sql("\nALTER ").sql(self.keyword).sql(" ").deparsed(&self.signature);
            ddl.sql(" DEPENDS ON EXTENSION ").ident(extension).end();
        }
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP ").sql(self.keyword).sql(" ").deparsed(&self.signature).end();
    }
}
