//! What a script needs from the database that it is loaded into: roles, extensions, tablespaces, locks. Pure.
//!
//! A judgement by words, as everywhere: what stands within a string is not seen.

use std::collections::BTreeSet;

use crate::import::Made;
use crate::import::preflight::{RoleUse, Wanted};
use crate::script::{Classification, Cursor, Setting, SettingScope, Statement, StatementKind};

use super::names::{LargeObjectCall, large_object_call};

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
    /// The schema of names without one, if the script has surely set it.
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
                self.made.large_objects |= large_object_call(statement) == LargeObjectCall::Create;
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
        if matches!(setting.name.as_str(), "search_path" | "all") {
            self.search_path = only_schema(setting);
        }
        let Some(value) = setting.value.as_ref().filter(|value| !value.is_empty()) else { return };
        match setting.name.as_str() {
            "default_tablespace" => drop(self.wanted.tablespaces.insert(value.clone())),
            "default_table_access_method" => drop(self.wanted.access_methods.insert(value.clone())),
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

    /// From here on the session is another one.
    pub(super) fn forget_session(&mut self) {
        self.search_path = None;
    }

    /// Takes note of the schema that something is made in, or of its name if it is in none.
    fn add_made(&mut self, object: &str, mut cursor: Cursor<'_>) {
        if is_temporary(cursor.clone()) {
            return;
        }
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
                self.made.made_schemas.insert(schema.clone());
            }
            (object, [name]) if !IN_A_SCHEMA.contains(&object) => self.made.add_other(object, name.clone()),
            (object, [name]) if IN_A_SCHEMA.contains(&object) => match &self.search_path {
                Some(schema) => drop(self.made.schemas.insert(schema.clone())),
                None => drop(self.made.unplaced.get_or_insert_with(|| name.clone())),
            },
            (_, [schema, ..]) if schema == "pg_temp" => {}
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

/// The one schema that names without a schema surely mean: any other list is looked up in what is there, and a role or a database may
/// have one of its own.
fn only_schema(setting: &Setting) -> Option<String> {
    let value = setting.value.as_deref().filter(|_| setting.scope == SettingScope::Session)?;
    // As dumps of old write it. The catalog is never made anything in.
    let schema = value.strip_suffix("pg_catalog").and_then(|rest| rest.trim_end().strip_suffix(',')).unwrap_or(value).trim();
    let is_plain = schema.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && schema.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    (is_plain && !schema.starts_with("pg_")).then(|| schema.to_owned())
}

/// Whether `CREATE` makes something that goes with the session.
fn is_temporary(mut cursor: Cursor<'_>) -> bool {
    cursor.eat("create");
    cursor.eat_all(&["or", "replace"]);
    let _ = cursor.eat("global") || cursor.eat("local");
    cursor.eat("temporary") || cursor.eat("temp")
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
            "CREATE TEMP TABLE mine (x int);",
            "CREATE OR REPLACE LOCAL TEMPORARY VIEW mine AS SELECT 1;",
            "CREATE TABLE pg_temp.mine (x int);",
            "SELECT lo_unlink(1);",
            "SET search_path = old, pg_catalog;",
            "CREATE VIEW v AS SELECT 1;",
        ] {
            let statement = statement(sql);
            needs.add(&statement, &statement.classify());
        }
        let schemas: Vec<&str> = needs.made.schemas.iter().map(String::as_str).collect();
        assert_eq!(schemas, ["Odd", "a", "b", "bob", "d", "old"]);
        assert_eq!(needs.made.made_schemas.iter().collect::<Vec<_>>(), ["Odd", "bob"]);
        let others: Vec<(&str, &str)> = needs.made.others.iter().map(|(words, name)| (words.as_str(), name.as_str())).collect();
        assert_eq!(others, [("EVENT TRIGGER", "e")]);
        assert_eq!((needs.made.unplaced, needs.made.large_objects), (None, false));
    }

    #[test]
    fn names_without_a_schema_have_one_only_if_the_script_surely_set_it() {
        let unplaced = |settings: &[&str]| {
            let mut needs = Needs::default();
            for sql in settings.iter().chain(&["CREATE TABLE t (x int);"]) {
                let statement = statement(sql);
                needs.add(&statement, &statement.classify());
            }
            needs.made.unplaced.is_some()
        };
        for sure in
            ["SET search_path = a;", "SET search_path TO 'a';", "SELECT pg_catalog.set_config('search_path', 'a', false);"]
        {
            assert!(!unplaced(&[sure]), "{sure}");
            assert!(unplaced(&[sure, "RESET search_path;"]) && unplaced(&[sure, "RESET ALL;"]), "{sure}");
            assert!(unplaced(&[sure, "SET search_path TO DEFAULT;"]), "{sure}");
        }
        let vague = [
            "SET search_path = a, b;",
            "SET search_path = \"$user\", public;",
            "SET search_path = Sales;",
            "SET search_path = '';",
        ];
        for vague in
            vague.iter().chain(&["SET LOCAL search_path = a;", "SET search_path = \"x,y\";", "SET search_path = pg_temp;"])
        {
            assert!(unplaced(&[vague]), "{vague}");
        }
        assert!(unplaced(&[]));
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
