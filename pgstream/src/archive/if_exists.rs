//! `IF EXISTS` in statements that drop. Pure.
//!
//! Source of the rules: pg_dump's documentation of `--if-exists`, and what it writes.

use crate::catalog::{ObjectId, class};
use crate::ddl::Ddl;

/// The same statements, made so that they do not fail when there is nothing to drop.
pub(super) fn drop_if_exists(desc: &str, object: ObjectId, drop: &str) -> String {
    if object.class == class::PG_LARGEOBJECT && !drop.is_empty() {
        return unlink_if_exists(object.oid);
    }
    let mut text = drop.to_owned();
    if let Some(rest) = text.strip_prefix("ALTER TABLE ").filter(|rest| !rest.starts_with("IF EXISTS ")) {
        text = format!("ALTER TABLE IF EXISTS {rest}");
    }
    let keyword = if desc.ends_with("CONSTRAINT") { "DROP CONSTRAINT " } else { return after_drop(desc, text) };
    match find_outside_quotes(&text, keyword) {
        Some(at) => insert(&text, at + keyword.len()),
        None => text,
    }
}

/// `DROP <desc> …`. What does not begin like that (`DROP DEFAULT`, `CREATE OR REPLACE VIEW`, comments) stays as it is.
fn after_drop(desc: &str, text: String) -> String {
    let rest = text.strip_prefix("DROP ").and_then(|rest| rest.strip_prefix(desc));
    match rest {
        Some(rest) if rest.starts_with(' ') && !rest.starts_with(" IF EXISTS ") => insert(&text, text.len() - rest.len() + 1),
        _ => text,
    }
}

fn insert(text: &str, at: usize) -> String {
    let (head, tail) = text.split_at(at);
    match tail.starts_with("IF EXISTS ") {
        true => text.to_owned(),
        false => [head, "IF EXISTS ", tail].concat(),
    }
}

/// Where `needle` stands first outside of quoted names: a table may well be called `"a DROP CONSTRAINT b"`.
fn find_outside_quotes(text: &str, needle: &str) -> Option<usize> {
    let mut is_quoted = false;
    text.char_indices().find_map(|(at, c)| {
        is_quoted ^= c == '"';
        (!is_quoted && text[at..].starts_with(needle)).then_some(at)
    })
}

fn unlink_if_exists(oid: u32) -> String {
    let mut sql = Ddl::new();
    sql.sql("SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = ");
    sql.literal(&oid.to_string()).end();
    sql.into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_exists_goes_where_the_grammar_wants_it() {
        for (desc, drop, expected) in [
            ("TABLE", "DROP TABLE public.t;\n", "DROP TABLE IF EXISTS public.t;\n"),
            ("TYPE", "DROP TYPE public.t CASCADE;\n", "DROP TYPE IF EXISTS public.t CASCADE;\n"),
            (
                "FK CONSTRAINT",
                "ALTER TABLE ONLY public.\"a DROP CONSTRAINT b\" DROP CONSTRAINT c;\n",
                "ALTER TABLE IF EXISTS ONLY public.\"a DROP CONSTRAINT b\" DROP CONSTRAINT IF EXISTS c;\n",
            ),
            (
                "DEFAULT",
                "ALTER TABLE public.t ALTER COLUMN a DROP DEFAULT;\n",
                "ALTER TABLE IF EXISTS public.t ALTER COLUMN a DROP DEFAULT;\n",
            ),
            ("SCHEMA", "-- *not* dropping schema\n", "-- *not* dropping schema\n"),
            ("VIEW", "CREATE OR REPLACE VIEW v AS SELECT 1;\n", "CREATE OR REPLACE VIEW v AS SELECT 1;\n"),
            ("VIEW", "", ""),
        ] {
            assert_eq!(drop_if_exists(desc, ObjectId::relation(1), drop), expected);
        }
    }
}
