//! What a statement names: the table that it fills or makes, the roles that it needs. Pure.

use crate::name::QualifiedName;
use crate::script::{Cursor, Statement};

/// A table that a statement makes, from nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MadeTable {
    /// Its name with the schema.
    pub(super) name: QualifiedName,
    /// Rows go to its partitions.
    pub(super) is_partitioned: bool,
}

/// The table that `CREATE TABLE` makes, if it surely makes a new one, which has no rows, and names its schema.
pub(super) fn made_table(statement: &Statement) -> Option<MadeTable> {
    statement.read(|cursor| {
        cursor.eat("create").then_some(())?;
        cursor.eat("unlogged");
        cursor.eat("table").then_some(())?;
        let before = cursor.clone();
        if cursor.eat_all(&["if", "not", "exists"]) {
            return None;
        }
        *cursor = before;
        let name = qualified(cursor)?;
        let mut is_partitioned = false;
        let mut last_was_partition = false;
        while let Some(token) = cursor.next_outside() {
            // `CREATE TABLE … AS` brings rows.
            if token.is("as") {
                return None;
            }
            is_partitioned |= last_was_partition && token.is("by");
            last_was_partition = token.is("partition");
        }
        Some(MadeTable { name, is_partitioned })
    })
}

/// Whether `CREATE TABLE` brings rows of its own.
pub(super) fn brings_rows(statement: &Statement) -> bool {
    statement.read(|cursor| cursor.skip_to(&["as"]).is_some())
}

/// A name of exactly a schema and a table.
fn qualified(cursor: &mut Cursor<'_>) -> Option<QualifiedName> {
    match cursor.qualified_name().as_slice() {
        [schema, name] => Some(QualifiedName::new(schema, name)),
        _ => None,
    }
}

/// The table of an `INSERT`, as it is named: one to three parts.
pub(super) fn filled_table(statement: &Statement) -> Option<Vec<String>> {
    statement.read(|cursor| {
        let is_insert = cursor.eat("insert") && cursor.eat("into");
        is_insert.then(|| cursor.qualified_name()).filter(|name| !name.is_empty())
    })
}

/// The table of a `COPY`, as it is named.
pub(super) fn copied_table(statement: &Statement) -> Option<Vec<String>> {
    statement.read(|cursor| {
        let is_copy = cursor.eat("copy");
        is_copy.then(|| cursor.qualified_name()).filter(|name| !name.is_empty())
    })
}

/// Asks for the oid of the table that an `INSERT` or a `COPY` names, and whether nothing of it is hidden from us. The name is passed
/// in the bytes of the script: only the server knows its encoding.
pub(super) fn resolving_query(statement: &Statement) -> Vec<u8> {
    let mut sql = b"SELECT pg_catalog.to_regclass('".to_vec();
    statement.read(|cursor| {
        let _ = cursor.eat("copy") || (cursor.eat("insert") && cursor.eat("into"));
        let mut parts: Vec<&[u8]> = Vec::new();
        while let Some(token) = cursor.peek().filter(|token| token.name().is_some()) {
            parts.push(token.text);
            cursor.next();
            if !cursor.eat_symbol(b'.') {
                break;
            }
        }
        // The database may stand in front.
        let parts = &parts[parts.len().saturating_sub(2)..];
        for byte in parts.join(&b'.') {
            sql.extend(std::iter::repeat_n(byte, 1 + usize::from(byte == b'\'')));
        }
    });
    sql.extend_from_slice(b"')::pg_catalog.oid");
    sql
}

/// The sequence of `SELECT setval('sequence', number[, boolean])`, if that is all of the statement and it names a schema.
pub(super) fn set_sequence(statement: &Statement) -> Option<QualifiedName> {
    statement.read(|cursor| {
        cursor.eat("select").then_some(())?;
        if cursor.eat("pg_catalog") {
            cursor.eat_symbol(b'.');
        }
        (cursor.eat("setval") && cursor.eat_symbol(b'(')).then_some(())?;
        let sequence = parse_regclass(&cursor.next()?.value()?)?;
        cursor.eat_symbol(b',').then_some(())?;
        cursor.eat_symbol(b'-');
        let value = cursor.next()?;
        value.text.iter().all(u8::is_ascii_digit).then_some(())?;
        let is_plain = !cursor.eat_symbol(b',') || cursor.eat("true") || cursor.eat("false");
        (is_plain && cursor.eat_symbol(b')') && cursor.peek().is_none()).then_some(sequence)
    })
}

/// Understands `schema.name` as the server's input of `regclass` does.
fn parse_regclass(text: &str) -> Option<QualifiedName> {
    let (schema, rest) = parse_identifier(text)?;
    let (name, rest) = parse_identifier(rest.strip_prefix('.')?)?;
    rest.is_empty().then(|| QualifiedName::new(schema, name))
}

fn parse_identifier(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        let name = &text[..end];
        let is_bare = !name.is_empty() && !name.contains(['"', ' ']);
        return is_bare.then(|| (name.to_ascii_lowercase(), &text[end..]));
    };
    let mut name = String::new();
    loop {
        let (part, behind) = rest.split_once('"')?;
        name.push_str(part);
        match behind.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, behind)),
        }
    }
}

/// Whether `CREATE SCHEMA` makes a schema and nothing in it.
pub(super) fn makes_schema_alone(statement: &Statement) -> bool {
    statement.read(|cursor| {
        cursor.eat_all(&["create", "schema"]);
        cursor.eat_all(&["if", "not", "exists"]);
        if !cursor.peek().is_some_and(|token| token.is("authorization")) {
            cursor.qualified_name();
        }
        if cursor.eat("authorization") {
            cursor.next();
        }
        cursor.peek().is_none()
    })
}

/// What a statement about large objects does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LargeObjectCall {
    /// Makes one.
    Create,
    /// Appends bytes; the answer tells how many.
    Write,
    /// Removes one.
    Unlink,
    /// Something else.
    Other,
}

/// Which function `SELECT [pg_catalog.]lo…` calls.
pub(super) fn large_object_call(statement: &Statement) -> LargeObjectCall {
    let function = statement.read(|cursor| {
        cursor.eat("select");
        if cursor.eat("pg_catalog") {
            cursor.eat_symbol(b'.');
        }
        cursor.next().and_then(|token| token.name())
    });
    match function.as_deref() {
        Some("lo_create" | "lo_creat" | "lo_from_bytea") => LargeObjectCall::Create,
        Some("lowrite") => LargeObjectCall::Write,
        Some("lo_unlink") => LargeObjectCall::Unlink,
        _ => LargeObjectCall::Other,
    }
}

/// The database that a statement about databases names.
pub(super) fn named_database(statement: &Statement) -> Option<String> {
    statement.read(|cursor| {
        cursor.skip_to(&["database"])?;
        let _ = cursor.eat_all(&["if", "exists"]);
        cursor.next().and_then(|token| token.name())
    })
}

/// Whether a query can change rows: it calls a function of which nothing is known.
pub(super) fn may_change_rows(statement: &Statement) -> bool {
    /// Functions that dumps and people call without their schema, and that write nothing.
    const HARMLESS: [&str; 10] =
        ["count", "sum", "min", "max", "now", "version", "current_setting", "coalesce", "setval", "pg_sleep"];
    statement.read(|cursor| {
        if cursor.peek().is_some_and(|token| token.is("with")) {
            return true;
        }
        let mut is_pg_catalog = false;
        let mut behind_dot = false;
        while let Some(token) = cursor.next() {
            if token.is("into") {
                return true;
            }
            let is_call = cursor.peek().is_some_and(|next| next.is_symbol(b'('));
            if let (true, Some(name)) = (is_call, token.name()) {
                let is_keyword = ["select", "in", "values", "from", "where", "and", "or", "not", "on", "exists", "any", "all"];
                let is_known = (behind_dot && is_pg_catalog)
                    || (!behind_dot && (HARMLESS.contains(&name.as_str()) || is_keyword.contains(&name.as_str())));
                if !is_known {
                    return true;
                }
            }
            behind_dot = token.is_symbol(b'.');
            if !behind_dot {
                is_pg_catalog = token.is("pg_catalog");
            }
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::statement;

    #[test]
    fn a_new_table_is_known_if_it_is_surely_new_and_empty() {
        let table =
            |schema: &str, name: &str, is_partitioned| Some(MadeTable { name: QualifiedName::new(schema, name), is_partitioned });
        for (sql, expected) in [
            ("CREATE TABLE public.t (a int);", table("public", "t", false)),
            ("CREATE UNLOGGED TABLE \"S\".\"T\" ();", table("S", "T", false)),
            ("CREATE TABLE s.t (a int, b text DEFAULT 'as') PARTITION BY RANGE (a);", table("s", "t", true)),
            ("CREATE TABLE s.t PARTITION OF s.p FOR VALUES IN (1);", table("s", "t", false)),
            ("CREATE TABLE s.t PARTITION OF s.p FOR VALUES IN (1) PARTITION BY LIST (b);", table("s", "t", true)),
            ("CREATE TABLE t (a int);", None),
            ("CREATE TABLE d.s.t (a int);", None),
            ("CREATE TABLE IF NOT EXISTS s.t (a int);", None),
            ("CREATE TABLE s.t AS SELECT 1;", None),
            ("CREATE TABLE s.t (a) AS SELECT 1;", None),
            ("CREATE TEMP TABLE pg_temp.t (a int);", None),
            ("CREATE VIEW s.t AS SELECT 1;", None),
        ] {
            assert_eq!(made_table(&statement(sql)), expected, "{sql}");
        }
    }

    #[test]
    fn the_table_that_is_filled() {
        let insert = |sql| filled_table(&statement(sql)).map(|name| name.join("."));
        assert_eq!(insert("INSERT INTO public.\"T\" VALUES (1);").as_deref(), Some("public.T"));
        assert_eq!(insert("insert into t select 1;").as_deref(), Some("t"));
        assert_eq!(insert("WITH x AS (SELECT 1) INSERT INTO t TABLE x;"), None);
        assert_eq!(copied_table(&statement("COPY a.b (c) FROM stdin;")), Some(vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn the_server_is_asked_which_table_is_meant() {
        for (sql, expected) in [
            ("INSERT INTO public.\"T's\" VALUES (1);", "SELECT pg_catalog.to_regclass('public.\"T''s\"')::pg_catalog.oid"),
            ("COPY d.s . t (a) FROM stdin;", "SELECT pg_catalog.to_regclass('s.t')::pg_catalog.oid"),
        ] {
            assert_eq!(String::from_utf8(resolving_query(&statement(sql))).unwrap(), expected);
        }
    }

    #[test]
    fn the_sequence_of_a_plain_setval() {
        for (sql, expected) in [
            ("SELECT pg_catalog.setval('public.s', 3, true);", Some(("public", "s"))),
            ("SELECT setval('\"S\".\"a\"\"b\"', -3);", Some(("S", "a\"b"))),
            ("SELECT setval('S.T', 3, false);", Some(("s", "t"))),
            ("SELECT setval('s', 3);", None),
            ("SELECT setval('a.b.s', 3);", None),
            ("SELECT setval('a.s', (SELECT max(id) FROM t));", None),
            ("SELECT setval('a.s', 3), f();", None),
            ("SELECT setval('a.s', 3) FROM t;", None),
        ] {
            let expected = expected.map(|(schema, name)| QualifiedName::new(schema, name));
            assert_eq!(set_sequence(&statement(sql)), expected, "{sql}");
        }
    }

    #[test]
    fn which_large_object_function_is_called() {
        let call = |sql| large_object_call(&statement(sql));
        assert_eq!(call("SELECT pg_catalog.lo_create('12');"), LargeObjectCall::Create);
        assert_eq!(call("SELECT pg_catalog.lowrite(0, '\\x00');"), LargeObjectCall::Write);
        assert_eq!(call("SELECT lo_open(12, 131072);"), LargeObjectCall::Other);
        assert_eq!(call("SELECT pg_catalog.lo_unlink('12');"), LargeObjectCall::Unlink);
    }

    #[test]
    fn the_database_that_is_meant() {
        let name = |sql| named_database(&statement(sql));
        for sql in [
            "CREATE DATABASE \"Shop\" WITH TEMPLATE = template0;",
            "DROP DATABASE IF EXISTS \"Shop\";",
            "ALTER DATABASE \"Shop\" OWNER TO x;",
            "GRANT CONNECT ON DATABASE \"Shop\" TO x;",
            "COMMENT ON DATABASE \"Shop\" IS 'x';",
        ] {
            assert_eq!(name(sql).as_deref(), Some("Shop"), "{sql}");
        }
    }

    #[test]
    fn a_query_with_an_unknown_function_may_change_rows() {
        for (sql, expected) in [
            ("SELECT 1;", false),
            ("SELECT count(*) FROM t;", false),
            ("SELECT * FROM pg_catalog.pg_restore_relation_stats('schemaname', 's');", false),
            ("SELECT pg_catalog.pg_extension_config_dump('t', '');", false),
            ("SELECT 1 INTO t;", true),
            ("SELECT fill();", true),
            ("SELECT s.count(*);", true),
            ("SELECT a FROM t WHERE b IN (SELECT fill());", true),
            ("WITH a AS (DELETE FROM t RETURNING 1) SELECT 1;", true),
        ] {
            assert_eq!(may_change_rows(&statement(sql)), expected, "{sql}");
        }
    }
}
