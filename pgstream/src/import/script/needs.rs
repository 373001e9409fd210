//! What a script needs from the database that it is loaded into: roles, extensions, tablespaces, locks. Pure.
//!
//! A judgement by words, as everywhere: what stands within a string is not seen.

use std::collections::BTreeSet;

use crate::import::Made;
use crate::import::preflight::{RoleUse, Wanted};
use crate::script::{Classification, Cursor, Setting, Statement, StatementKind};

/// Words that stand where a role may, and name none.
const NO_ROLES: [&str; 6] = ["public", "current_user", "current_role", "session_user", "none", "default"];

/// Kinds whose objects are in a schema that their name says.
const IN_A_SCHEMA: [&str; 19] = [
    "TABLE",
    "VIEW",
    "MATERIALIZED VIEW",
    "FOREIGN TABLE",
    "SEQUENCE",
    "TYPE",
    "DOMAIN",
    "FUNCTION",
    "PROCEDURE",
    "AGGREGATE",
    "COLLATION",
    "CONVERSION",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "STATISTICS",
    "TEXT SEARCH PARSER",
    "TEXT SEARCH DICTIONARY",
    "TEXT SEARCH TEMPLATE",
    "TEXT SEARCH CONFIGURATION",
];

/// Collects what statements name.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// What is needed so far; what the script makes itself is taken out at the end.
    wanted: Wanted,
    roles: BTreeSet<String>,
    languages: BTreeSet<String>,
    access_methods: BTreeSet<String>,
    tablespaces: BTreeSet<String>,
    makes_public: bool,
    /// Something is made that only `CREATE` on the database allows.
    pub(super) makes_schemas: bool,
    /// What is made, for what it may have to replace.
    pub(super) made: Made,
    /// The schema of names without one, if the script has set it.
    search_path: Option<String>,
}

impl Needs {
    /// Takes note of a statement that will be run.
    pub(super) fn add(&mut self, statement: &Statement, class: &Classification) {
        match &class.kind {
            StatementKind::Setting(setting) => self.add_setting(setting),
            StatementKind::Definition { verb, object } => {
                self.wanted.target_locks += locks(verb, object);
                statement.read(|cursor| self.add_definition(verb, object, cursor));
            }
            StatementKind::LargeObject => {
                self.wanted.target_locks += 1;
                self.made.large_objects = true;
            }
            _ => {}
        }
    }

    /// What is needed, without what the script brings.
    pub(super) fn finish(mut self) -> Wanted {
        let Self { wanted, roles, languages, access_methods, tablespaces, makes_public, .. } = &mut self;
        wanted.roles.retain(|name, _| !roles.contains(name));
        wanted.languages.retain(|name| !languages.contains(name));
        wanted.access_methods.retain(|name| !access_methods.contains(name));
        wanted.tablespaces.retain(|name| !tablespaces.contains(name));
        wanted.makes_in_public &= !*makes_public;
        self.wanted
    }

    fn add_setting(&mut self, setting: &Setting) {
        let Some(value) = setting.value.as_ref().filter(|value| !value.is_empty()) else { return };
        match setting.name.as_str() {
            "default_tablespace" => drop(self.wanted.tablespaces.insert(value.clone())),
            "default_table_access_method" => drop(self.wanted.access_methods.insert(value.clone())),
            // The first of the list, in the way that dumps of old write it.
            "search_path" => self.search_path = value.split(',').next().map(|first| first.trim().trim_matches('"').to_owned()),
            "session_authorization" | "role" => self.add_role(value.clone(), |used| used.acts = true),
            _ => {}
        }
    }

    fn add_role(&mut self, name: String, note: impl Fn(&mut RoleUse)) {
        if !NO_ROLES.contains(&name.as_str()) {
            note(self.wanted.roles.entry(name).or_default());
        }
    }

    fn add_roles(&mut self, cursor: &mut Cursor<'_>, note: impl Fn(&mut RoleUse)) {
        loop {
            cursor.eat("group");
            let Some(name) = cursor.next().and_then(|token| token.name()) else { return };
            self.add_role(name, &note);
            if !cursor.eat_symbol(b',') {
                return;
            }
        }
    }

    fn add_definition(&mut self, verb: &str, object: &str, cursor: &mut Cursor<'_>) {
        match (verb, object) {
            ("ALTER", "DEFAULT PRIVILEGES") => self.add_default_privileges(cursor),
            ("ALTER", _) => self.add_owner(cursor),
            ("GRANT" | "REVOKE", "ROLE") => {}
            ("GRANT" | "REVOKE", _) => self.add_grantees(cursor),
            ("CREATE", object) => self.add_created(object, cursor),
            _ => {}
        }
    }

    fn add_owner(&mut self, cursor: &mut Cursor<'_>) {
        if cursor.skip_to(&["owner"]).is_some() && cursor.eat("to") {
            self.add_roles(cursor, |used| used.owns = true);
        }
    }

    fn add_grantees(&mut self, cursor: &mut Cursor<'_>) {
        if cursor.skip_to(&["to", "from"]).is_some() {
            self.add_roles(cursor, |used| used.is_granted = true);
        }
    }

    fn add_policy_roles(&mut self, cursor: &mut Cursor<'_>) {
        if cursor.skip_to(&["to", "using", "with"]) == Some("to") {
            self.add_roles(cursor, |used| used.is_in_policies = true);
        }
    }

    fn add_default_privileges(&mut self, cursor: &mut Cursor<'_>) {
        while let Some(word) = cursor.skip_to(&["for", "to", "from"]) {
            if word == "for" {
                let _ = cursor.eat("role") || cursor.eat("user");
                self.add_roles(cursor, |used| used.acts = true);
            } else {
                self.add_roles(cursor, |used| used.is_granted = true);
            }
        }
    }

    fn add_created(&mut self, object: &str, cursor: &mut Cursor<'_>) {
        self.add_made(object, cursor.clone());
        match object {
            "ROLE" | "USER" | "GROUP" => self.roles.extend(created_name(object, cursor)),
            "TABLESPACE" => self.tablespaces.extend(created_name(object, cursor)),
            "LANGUAGE" | "PROCEDURAL LANGUAGE" => self.languages.extend(created_name("LANGUAGE", cursor)),
            "ACCESS METHOD" => self.access_methods.extend(created_name("METHOD", cursor)),
            "SCHEMA" => self.add_schema(cursor),
            "EXTENSION" => self.add_extension(cursor),
            "POLICY" => self.add_policy_roles(cursor),
            "FUNCTION" | "PROCEDURE" => {
                self.note_schema(object, cursor.clone());
                self.add_language(cursor);
            }
            "INDEX" => self.add_index(cursor),
            "TABLE" | "MATERIALIZED VIEW" | "VIEW" | "SEQUENCE" | "TYPE" | "DOMAIN" | "AGGREGATE" | "FOREIGN TABLE" => {
                self.note_schema(object, cursor.clone());
                if let Some("tablespace") = cursor.skip_to(&["tablespace"]) {
                    self.wanted.tablespaces.extend(cursor.next().and_then(|token| token.name()));
                }
            }
            _ => {}
        }
    }

    /// Takes note of the schema that something is made in, or of its name if it is in none.
    fn add_made(&mut self, object: &str, mut cursor: Cursor<'_>) {
        let name = match object {
            "SCHEMA" => {
                cursor.skip_to(&["schema"]);
                cursor.eat_all(&["if", "not", "exists"]);
                // Without a name of its own it is called like its owner.
                cursor.eat("authorization");
                cursor.qualified_name()
            }
            _ => name_behind(object, &mut cursor),
        };
        match (object, name.as_slice()) {
            ("SCHEMA", [schema]) => {
                self.made.schemas.insert(schema.clone());
                self.made.add_other(object, schema.clone());
            }
            (object, [name]) if !IN_A_SCHEMA.contains(&object) => self.made.add_other(object, name.clone()),
            (object, [_]) if IN_A_SCHEMA.contains(&object) => {
                let schema = self.search_path.clone().filter(|schema| !schema.is_empty() && schema != "$user");
                self.made.schemas.insert(schema.unwrap_or_else(|| "public".to_owned()));
            }
            (object, [schema, _]) if IN_A_SCHEMA.contains(&object) => drop(self.made.schemas.insert(schema.clone())),
            _ => {}
        }
    }

    fn add_schema(&mut self, cursor: &mut Cursor<'_>) {
        self.makes_schemas = true;
        cursor.skip_to(&["schema"]);
        cursor.eat_all(&["if", "not", "exists"]);
        if !cursor.peek().is_some_and(|token| token.is("authorization")) {
            self.makes_public |= cursor.qualified_name() == ["public"];
        }
        if cursor.eat("authorization") {
            self.add_roles(cursor, |used| used.owns = true);
        }
    }

    fn add_extension(&mut self, cursor: &mut Cursor<'_>) {
        cursor.skip_to(&["extension"]);
        cursor.eat_all(&["if", "not", "exists"]);
        let Some(name) = cursor.next().and_then(|token| token.name()) else { return };
        let schema = cursor.skip_to(&["schema"]).and_then(|_| cursor.next()?.name());
        self.wanted.extensions.insert(name, schema);
    }

    fn add_language(&mut self, cursor: &mut Cursor<'_>) {
        const ALWAYS_THERE: [&str; 4] = ["sql", "c", "internal", "plpgsql"];
        if cursor.skip_to(&["language"]).is_some() {
            let name = cursor.next().and_then(|token| token.value().map(|v| v.to_lowercase()).or_else(|| token.name()));
            self.wanted.languages.extend(name.filter(|name| !ALWAYS_THERE.contains(&name.as_str())));
        }
    }

    fn add_index(&mut self, cursor: &mut Cursor<'_>) {
        if cursor.skip_to(&["using"]).is_some() {
            self.wanted.access_methods.extend(cursor.next().and_then(|token| token.name()));
        }
        if cursor.skip_to(&["tablespace"]).is_some() {
            self.wanted.tablespaces.extend(cursor.next().and_then(|token| token.name()));
        }
    }

    fn note_schema(&mut self, object: &str, mut cursor: Cursor<'_>) {
        self.wanted.makes_in_public |= matches!(name_behind(object, &mut cursor).as_slice(), [schema, _] if schema == "public");
    }
}

/// The name behind the words for its kind.
fn name_behind(object: &str, cursor: &mut Cursor<'_>) -> Vec<String> {
    let last = object.rsplit(' ').next().unwrap_or(object).to_ascii_lowercase();
    cursor.skip_to(&[last.as_str()]);
    cursor.eat_all(&["if", "not", "exists"]);
    cursor.qualified_name()
}

fn created_name(object: &str, cursor: &mut Cursor<'_>) -> Option<String> {
    name_behind(object, cursor).pop()
}

/// What a statement holds to the end of its transaction: a table has a TOAST table and its index beside itself.
fn locks(verb: &str, object: &str) -> u64 {
    match (verb, object) {
        ("CREATE", "TABLE" | "MATERIALIZED VIEW") => 3,
        ("CREATE", "EXTENSION") => 0,
        ("CREATE", _) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::statement;

    fn needs(script: &[&str]) -> Wanted {
        let mut needs = Needs::default();
        for sql in script {
            let statement = statement(sql);
            needs.add(&statement, &statement.classify());
        }
        needs.finish()
    }

    fn roles(script: &[&str]) -> Vec<(String, &'static str)> {
        let word = |used: RoleUse| match used {
            RoleUse { owns: true, .. } => "owns",
            RoleUse { is_granted: true, .. } => "granted",
            RoleUse { is_in_policies: true, .. } => "policies",
            RoleUse { acts: true, .. } => "acts",
            _ => "nothing",
        };
        needs(script).roles.into_iter().map(|(name, used)| (name, word(used))).collect()
    }

    #[test]
    fn roles_are_found_where_dumps_name_them() {
        for (sql, expected) in [
            ("ALTER TABLE public.t OWNER TO \"Ann\";", vec![("Ann", "owns")]),
            ("ALTER FUNCTION f(a integer) OWNER TO ann;", vec![("ann", "owns")]),
            ("CREATE SCHEMA s AUTHORIZATION ann;", vec![("ann", "owns")]),
            ("GRANT SELECT ON TABLE t TO bob, GROUP carl WITH GRANT OPTION;", vec![("bob", "granted"), ("carl", "granted")]),
            ("REVOKE ALL ON SCHEMA public FROM PUBLIC;", vec![]),
            (
                "ALTER DEFAULT PRIVILEGES FOR ROLE ann IN SCHEMA s GRANT SELECT ON TABLES TO bob;",
                vec![("ann", "acts"), ("bob", "granted")],
            ),
            ("CREATE POLICY p ON t TO bob USING (owner = 'to x');", vec![("bob", "policies")]),
            ("CREATE POLICY p ON t USING (a IN (SELECT 1));", vec![]),
            ("SET SESSION AUTHORIZATION 'ann';", vec![("ann", "acts")]),
            ("SET SESSION AUTHORIZATION DEFAULT;", vec![]),
            ("ALTER TABLE t ADD COLUMN owner text;", vec![]),
            ("COMMENT ON TABLE t IS 'OWNER TO ann';", vec![]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(name, used)| (name.to_owned(), used)).collect();
            assert_eq!(roles(&[sql]), expected, "{sql}");
        }
    }

    #[test]
    fn what_the_script_makes_itself_is_not_needed() {
        assert!(roles(&["CREATE ROLE ann;", "ALTER TABLE t OWNER TO ann;"]).is_empty());
        let wanted = needs(&["CREATE SCHEMA public;", "CREATE TABLE public.t (a int);"]);
        assert!(!wanted.makes_in_public);
        assert!(needs(&["CREATE TABLE public.t (a int);"]).makes_in_public);
        assert!(!needs(&["CREATE TABLE s.t (a int);"]).makes_in_public);
        let language = ["CREATE LANGUAGE plx;", "CREATE FUNCTION f() RETURNS int LANGUAGE plx AS '';"];
        assert!(needs(&language).languages.is_empty());
        assert_eq!(needs(&language[1..]).languages, ["plx".to_owned()].into());
    }

    #[test]
    fn what_is_made_says_which_schemas_are_filled() {
        let mut needs = Needs::default();
        for sql in [
            "CREATE SCHEMA \"Odd\" AUTHORIZATION ann;",
            "CREATE SCHEMA AUTHORIZATION bob;",
            "CREATE UNLOGGED TABLE a.t (x int);",
            "CREATE OR REPLACE FUNCTION b.f(a int) RETURNS int LANGUAGE sql AS 'select 1';",
            "CREATE INDEX i ON c.t (x);",
            "CREATE TEXT SEARCH CONFIGURATION d.simple (PARSER = pg_catalog.\"default\");",
            "CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION b.g();",
            "CREATE EXTENSION hstore WITH SCHEMA e;",
            "CREATE TABLE t (x int);",
            "SET search_path = old, pg_catalog;",
            "CREATE VIEW v AS SELECT 1;",
        ] {
            let statement = statement(sql);
            needs.add(&statement, &statement.classify());
        }
        let schemas: Vec<&str> = needs.made.schemas.iter().map(String::as_str).collect();
        assert_eq!(schemas, ["Odd", "a", "b", "bob", "d", "old", "public"]);
        let others: Vec<(&str, &str)> = needs.made.others.iter().map(|(words, name)| (words.as_str(), name.as_str())).collect();
        assert_eq!(others, [("EVENT TRIGGER", "e"), ("SCHEMA", "Odd"), ("SCHEMA", "bob")]);
    }

    #[test]
    fn extensions_tablespaces_and_access_methods_are_found() {
        let wanted = needs(&[
            "CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA ext;",
            "SET default_tablespace = fast;",
            "SET default_tablespace = '';",
            "CREATE TABLE t (a int) TABLESPACE slow;",
            "SET default_table_access_method = heap;",
            "CREATE INDEX i ON public.t USING bloom (a);",
        ]);
        assert_eq!(wanted.extensions, [("hstore".to_owned(), Some("ext".to_owned()))].into());
        assert_eq!(wanted.tablespaces, ["fast".to_owned(), "slow".to_owned()].into());
        assert_eq!(wanted.access_methods, ["bloom".to_owned(), "heap".to_owned()].into());
        assert_eq!(wanted.target_locks, 4);
    }
}
