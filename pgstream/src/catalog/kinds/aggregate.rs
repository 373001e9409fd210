//! Aggregates.

use crate::catalog::kind::{CatalogQuery, Found, ObjectKind, Record, Rows, catalog_query};
use crate::catalog::kinds::function::routine_header;
use crate::catalog::{Address, Object, ObjectHeader, Repairs, Role};
use crate::ddl::{Ddl, qualified};
use crate::error::CatalogError;
use crate::name::QualifiedName;

pub(crate) struct AggregateKind;

impl ObjectKind for AggregateKind {
    fn name(&self) -> &'static str {
        "aggregate"
    }

    fn queries(&self) -> &'static [CatalogQuery] {
        const { &[catalog_query!("aggregate.sql")] }
    }

    fn decode(&self, results: &[Rows], found: &mut Found) -> Result<(), CatalogError> {
        for row in results[0].iter() {
            found.push(Aggregate::decode(row)?);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Aggregate {
    header: ObjectHeader,
    name: QualifiedName,
    /// Arguments with names, modes and `ORDER BY`; `*` when there are none.
    arguments: String,
    /// `public.f(n integer)`, rendered; `*` for no arguments.
    signature: String,
    /// `n` normal, `o` ordered-set, `h` hypothetical-set.
    kind: char,
    plain: Computation,
    combine: Option<String>,
    serialize: Option<String>,
    deserialize: Option<String>,
    moving: Option<Computation>,
    moving_inverse: Option<String>,
    sort_operator: Option<String>,
    parallel: char,
}

/// How a value comes about: once for a group, and a second time for a moving frame.
#[derive(Debug)]
struct Computation {
    transition: String,
    state_type: String,
    state_space: i32,
    initial: Option<String>,
    last: Option<Final>,
}

#[derive(Debug)]
struct Final {
    function: String,
    has_extra: bool,
    /// `r` READ_ONLY, `s` SHAREABLE, `w` READ_WRITE.
    modify: char,
}

impl Aggregate {
    fn decode(row: Record<'_>) -> Result<Self, CatalogError> {
        let name = QualifiedName::new(row.get::<String>("schema")?, row.get::<String>("name")?);
        let types: String = row.get("argument_types")?;
        let identity = star_if_empty(row.get("identity_arguments")?);
        let signature = format!("{}({identity})", qualified(&name.schema, &name.name));
        let mut header = routine_header(row, Role::Aggregate, "AGGREGATE", &name, &types)?;
        header.grant_sql = Some(format!("{}({types})", qualified(&name.schema, &name.name)));
        header.address = Some(Address { keyword: "AGGREGATE", grant_keyword: "FUNCTION", sql: signature.clone() });
        Ok(Self {
            header,
            arguments: star_if_empty(row.get("arguments")?),
            signature,
            kind: row.char("kind")?,
            plain: Computation::decode_plain(row)?,
            combine: row.get("combine")?,
            serialize: row.get("serialize")?,
            deserialize: row.get("deserialize")?,
            moving: Computation::decode_moving(row)?,
            moving_inverse: row.get("moving_inverse")?,
            sort_operator: row.get("sort_operator")?,
            parallel: row.char("parallel")?,
            name,
        })
    }

    fn render_computations(&self, ddl: &mut Ddl) {
        // What a final function may do to the state when nothing is said.
        let default_modify = if self.kind == 'n' { 'r' } else { 'w' };
        let plain = &self.plain;
        ddl.sql("    SFUNC = ").deparsed(&plain.transition).sql(",\n    STYPE = ").deparsed(&plain.state_type);
        plain.render_state(ddl, "SSPACE = ", "INITCOND = ");
        plain.render_final(ddl, ["FINALFUNC = ", "FINALFUNC_EXTRA", "FINALFUNC_MODIFY = "], default_modify);
        render_parameter(ddl, "COMBINEFUNC = ", self.combine.as_deref());
        render_parameter(ddl, "SERIALFUNC = ", self.serialize.as_deref());
        render_parameter(ddl, "DESERIALFUNC = ", self.deserialize.as_deref());
        if let Some(moving) = &self.moving {
            render_parameter(ddl, "MSFUNC = ", Some(&moving.transition));
            render_parameter(ddl, "MINVFUNC = ", self.moving_inverse.as_deref());
            render_parameter(ddl, "MSTYPE = ", Some(&moving.state_type));
            moving.render_state(ddl, "MSSPACE = ", "MINITCOND = ");
            moving.render_final(ddl, ["MFINALFUNC = ", "MFINALFUNC_EXTRA", "MFINALFUNC_MODIFY = "], default_modify);
        }
    }
}

fn star_if_empty(arguments: String) -> String {
    if arguments.is_empty() { "*".to_owned() } else { arguments }
}

fn render_parameter(ddl: &mut Ddl, word: &'static str, value: Option<&str>) {
    if let Some(value) = value {
        ddl.sql(",\n    ").sql(word).deparsed(value);
    }
}

impl Computation {
    fn decode_plain(row: Record<'_>) -> Result<Self, CatalogError> {
        let last = match row.get("final")? {
            Some(function) => Some(Final { function, has_extra: row.get("final_has_extra")?, modify: row.char("final_modify")? }),
            None => None,
        };
        Ok(Self {
            transition: row.get("transition")?,
            state_type: row.get("state_type")?,
            state_space: row.get("state_space")?,
            initial: row.get("initial")?,
            last,
        })
    }

    fn decode_moving(row: Record<'_>) -> Result<Option<Self>, CatalogError> {
        let Some(transition) = row.get("moving_transition")? else { return Ok(None) };
        let last = match row.get("moving_final")? {
            Some(function) => {
                Some(Final { function, has_extra: row.get("moving_final_has_extra")?, modify: row.char("moving_final_modify")? })
            }
            None => None,
        };
        Ok(Some(Self {
            transition,
            state_type: row.get("moving_state_type")?,
            state_space: row.get("moving_state_space")?,
            initial: row.get("moving_initial")?,
            last,
        }))
    }

    fn render_state(&self, ddl: &mut Ddl, space: &'static str, initial: &'static str) {
        if self.state_space != 0 {
            ddl.sql(",\n    ").sql(space).number(self.state_space);
        }
        if let Some(value) = &self.initial {
            ddl.sql(",\n    ").sql(initial).literal(value);
        }
    }

    fn render_final(&self, ddl: &mut Ddl, words: [&'static str; 3], default_modify: char) {
        let Some(last) = &self.last else { return };
        ddl.sql(",\n    ").sql(words[0]).deparsed(&last.function);
        if last.has_extra {
            ddl.sql(",\n    ").sql(words[1]);
        }
        if last.modify != default_modify {
            ddl.sql(",\n    ").sql(words[2]).sql(match last.modify {
                's' => "SHAREABLE",
                'w' => "READ_WRITE",
                _ => "READ_ONLY",
            });
        }
    }
}

impl Object for Aggregate {
    fn header(&self) -> &ObjectHeader {
        &self.header
    }

    fn render_create(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("CREATE AGGREGATE ").name(&self.name).sql("(").deparsed(&self.arguments).sql(") (\n");
        self.render_computations(ddl);
        render_parameter(ddl, "SORTOP = ", self.sort_operator.as_deref());
        if self.kind == 'h' {
            ddl.sql(",\n    HYPOTHETICAL");
        }
        match self.parallel {
            's' => ddl.sql(",\n    PARALLEL = safe"),
            'r' => ddl.sql(",\n    PARALLEL = restricted"),
            _ => ddl,
        };
        ddl.sql("\n)").end();
    }

    fn render_drop(&self, ddl: &mut Ddl, _repairs: &Repairs) {
        ddl.sql("DROP AGGREGATE ").deparsed(&self.signature).end();
    }
}
