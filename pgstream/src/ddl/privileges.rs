//! `GRANT` and `REVOKE` from ACLs.
//!
//! Source: PostgreSQL manual, "Privileges", for the letters; the observed output of `pg_dump` 15 to 18 for the order.

use std::collections::HashSet;

use super::Ddl;

/// Privileges as the catalog has them, as `aclitem` texts.
#[derive(Debug, Clone, Copy)]
pub struct Acl<'a> {
    /// What is granted; `None` for a null column, which means the baseline.
    pub actual: Option<&'a [String]>,
    /// What an object of this kind has when nothing was granted or revoked.
    pub baseline: &'a [String],
}

/// What privileges are granted on.
#[derive(Debug, Clone, Copy)]
pub struct GrantTarget<'a> {
    /// The word behind `ON`: `TABLE`, `FUNCTION`, `SCHEMA` … For default privileges the plural: `TABLES`.
    pub keyword: &'static str,
    /// Rendered SQL that names the object. Empty for default privileges.
    pub object: &'a str,
    /// Narrows the privileges to one column.
    pub column: Option<&'a str>,
    /// The owner's name: grants by somebody else are made in that role's name.
    pub owner: &'a str,
    /// For default privileges: the schema that they are narrowed to, `Some(None)` for the whole database.
    pub default_in: Option<Option<&'a str>>,
    /// The major version of the server that the ACL comes from: it decides what `ALL` is.
    pub major: u32,
}

/// Appends the statements that lead from `acl.baseline` to `acl.actual`: first what is revoked, then what the owner has, then
/// the rest. Privileges with and without grant option are two statements. An item that is no `aclitem` is passed over.
pub fn render_privileges(ddl: &mut Ddl, target: &GrantTarget<'_>, acl: Acl<'_>) {
    let Some(actual) = acl.actual else { return };
    let kept: HashSet<&String> = actual.iter().collect();
    let given: HashSet<&String> = acl.baseline.iter().collect();
    for item in acl.baseline.iter().filter(|item| !kept.contains(item)).filter_map(|item| AclItem::parse(item)) {
        render_revoke(ddl, target, &item);
    }
    let granted = actual.iter().filter(|item| !given.contains(item)).filter_map(|item| AclItem::parse(item));
    let (own, others): (Vec<_>, Vec<_>) = granted.partition(|item| item.is_by_and_for(target.owner));
    for item in own.iter().chain(&others) {
        render_grants(ddl, target, item);
    }
}

fn render_revoke(ddl: &mut Ddl, target: &GrantTarget<'_>, item: &AclItem) {
    let privileges = target.privileges(item, |_| true);
    if !privileges.is_empty() {
        render_default_prefix(ddl, target);
        ddl.sql("REVOKE ");
        render_object(ddl, target, &privileges);
        ddl.sql(" FROM ");
        render_grantee(ddl, &item.grantee).end();
    }
}

fn render_grants(ddl: &mut Ddl, target: &GrantTarget<'_>, item: &AclItem) {
    let plain = target.privileges(item, |with_option| !with_option);
    let grantable = target.privileges(item, |with_option| with_option);
    if plain.is_empty() && grantable.is_empty() {
        return;
    }
    let is_by_other = item.grantor != target.owner;
    if is_by_other {
        ddl.sql("SET SESSION AUTHORIZATION ").ident(&item.grantor).end();
    }
    for (privileges, option) in [(plain, ""), (grantable, " WITH GRANT OPTION")] {
        if !privileges.is_empty() {
            render_default_prefix(ddl, target);
            ddl.sql("GRANT ");
            render_object(ddl, target, &privileges);
            ddl.sql(" TO ");
            render_grantee(ddl, &item.grantee).sql(option).end();
        }
    }
    if is_by_other {
        ddl.sql("RESET SESSION AUTHORIZATION").end();
    }
}

fn render_default_prefix(ddl: &mut Ddl, target: &GrantTarget<'_>) {
    let Some(schema) = target.default_in else { return };
    ddl.sql("ALTER DEFAULT PRIVILEGES FOR ROLE ").ident(target.owner).sql(" ");
    if let Some(schema) = schema {
        ddl.sql("IN SCHEMA ").ident(schema).sql(" ");
    }
}

/// `SELECT, INSERT ON TABLE public.film`.
fn render_object(ddl: &mut Ddl, target: &GrantTarget<'_>, privileges: &[&'static str]) {
    for (i, privilege) in privileges.iter().enumerate() {
        ddl.sql(if i > 0 { "," } else { "" }).sql(privilege);
        if let Some(column) = target.column {
            ddl.sql("(").ident(column).sql(")");
        }
    }
    ddl.sql(" ON ").sql(target.keyword);
    if !target.object.is_empty() {
        ddl.sql(" ").deparsed(target.object);
    }
}

fn render_grantee<'a>(ddl: &'a mut Ddl, grantee: &str) -> &'a mut Ddl {
    match grantee {
        "" => ddl.sql("PUBLIC"),
        role => ddl.ident(role),
    }
}

impl GrantTarget<'_> {
    /// The words for those privileges of `item` whose grant option `is_wanted`; `ALL` when that is every privilege there is.
    fn privileges(&self, item: &AclItem, is_wanted: impl Fn(bool) -> bool) -> Vec<&'static str> {
        let known = self.known_privileges();
        let words: Vec<_> = known
            .iter()
            .filter(|(letter, _)| item.privileges.iter().any(|(l, with_option)| l == letter && is_wanted(*with_option)))
            .map(|(_, word)| *word)
            .collect();
        if words.len() == known.len() { vec!["ALL"] } else { words }
    }

    /// The privileges that this kind of object has on its server, in the order in which they are written.
    fn known_privileges(&self) -> Vec<(char, &'static str)> {
        let is_column = self.column.is_some();
        let known: &[(char, &'static str)] = match self.keyword {
            "TABLE" | "TABLES" if is_column => &[('r', "SELECT"), ('a', "INSERT"), ('x', "REFERENCES"), ('w', "UPDATE")],
            "TABLE" | "TABLES" => TABLE,
            "SEQUENCE" | "SEQUENCES" => &[('r', "SELECT"), ('U', "USAGE"), ('w', "UPDATE")],
            "FUNCTION" | "PROCEDURE" | "FUNCTIONS" => &[('X', "EXECUTE")],
            "SCHEMA" | "SCHEMAS" => &[('C', "CREATE"), ('U', "USAGE")],
            "DATABASE" => &[('C', "CREATE"), ('c', "CONNECT"), ('T', "TEMPORARY")],
            "TABLESPACE" => &[('C', "CREATE")],
            "PARAMETER" => &[('s', "SET"), ('A', "ALTER SYSTEM")],
            "LARGE OBJECT" | "LARGE OBJECTS" => &[('r', "SELECT"), ('w', "UPDATE")],
            _ => &[('U', "USAGE")],
        };
        known.iter().copied().filter(|(letter, _)| *letter != 'm' || self.major >= 17).collect()
    }
}

const TABLE: &[(char, &str)] = &[
    ('r', "SELECT"),
    ('a', "INSERT"),
    ('x', "REFERENCES"),
    ('d', "DELETE"),
    ('t', "TRIGGER"),
    ('D', "TRUNCATE"),
    ('m', "MAINTAIN"),
    ('w', "UPDATE"),
];

/// One `grantee=privileges/grantor`.
#[derive(Debug, PartialEq, Eq)]
struct AclItem {
    /// Empty for `PUBLIC`.
    grantee: String,
    /// Letters, each with whether it comes with grant option.
    privileges: Vec<(char, bool)>,
    grantor: String,
}

impl AclItem {
    fn parse(text: &str) -> Option<Self> {
        let (grantee, rest) = parse_role(text);
        let (letters, grantor) = rest.strip_prefix('=')?.split_once('/')?;
        let (grantor, _) = parse_role(grantor);
        let mut privileges: Vec<(char, bool)> = Vec::new();
        for c in letters.chars() {
            match c {
                '*' => privileges.last_mut()?.1 = true,
                letter => privileges.push((letter, false)),
            }
        }
        Some(Self { grantee, privileges, grantor })
    }

    fn is_by_and_for(&self, owner: &str) -> bool {
        self.grantee == owner && self.grantor == owner
    }
}

/// A role's name at the start of `text`, quoted or not, and what comes behind it.
fn parse_role(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut is_quoted = false;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' if is_quoted && chars.peek().is_some_and(|(_, next)| *next == '"') => {
                name.push('"');
                chars.next();
            }
            '"' => is_quoted = !is_quoted,
            '=' | '/' if !is_quoted => return (name, &text[at..]),
            c => name.push(c),
        }
    }
    (name, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(target: &GrantTarget<'_>, actual: &[&str], baseline: &[&str]) -> String {
        let own = |items: &[&str]| items.iter().map(|i| (*i).to_owned()).collect::<Vec<_>>();
        let (actual, baseline) = (own(actual), own(baseline));
        let mut ddl = Ddl::new();
        render_privileges(&mut ddl, target, Acl { actual: Some(&actual), baseline: &baseline });
        ddl.into_string()
    }

    /// Name, target, actual, baseline, expected.
    type Case<'a> = (&'a str, &'a GrantTarget<'a>, &'a [&'a str], &'a [&'a str], &'a str);

    const FILM: GrantTarget<'_> =
        GrantTarget { keyword: "TABLE", object: "public.film", column: None, owner: "owner", default_in: None, major: 15 };

    #[test]
    fn the_difference_to_the_baseline_is_written() {
        let schema = GrantTarget { keyword: "SCHEMA", object: "s", ..FILM };
        let function = GrantTarget { keyword: "FUNCTION", object: "s.f()", ..FILM };
        let column = GrantTarget { column: Some("Title"), ..FILM };
        let new = GrantTarget { major: 17, ..FILM };
        let full = "owner=arwdDxt/owner";
        let cases: [Case<'_>; 10] = [
            ("nothing changed", &FILM, &[full], &[full], ""),
            ("one role may read", &FILM, &[full, "r=r/owner"], &[full], "GRANT SELECT ON TABLE public.film TO r;\n"),
            ("all of it", &FILM, &[full, "r=arwdDxt/owner"], &[full], "GRANT ALL ON TABLE public.film TO r;\n"),
            (
                "all but what came with 17",
                &new,
                &[full, "r=arwdDxt/owner"],
                &[full],
                "GRANT SELECT,INSERT,REFERENCES,DELETE,TRIGGER,TRUNCATE,UPDATE ON TABLE public.film TO r;\n",
            ),
            (
                "the owner lost something",
                &FILM,
                &["owner=r/owner"],
                &[full],
                "REVOKE ALL ON TABLE public.film FROM owner;\nGRANT SELECT ON TABLE public.film TO owner;\n",
            ),
            (
                "grant option",
                &schema,
                &["r=U*C/owner"],
                &[],
                "GRANT CREATE ON SCHEMA s TO r;\nGRANT USAGE ON SCHEMA s TO r WITH GRANT OPTION;\n",
            ),
            ("all with grant option", &schema, &["r=U*C*/owner"], &[], "GRANT ALL ON SCHEMA s TO r WITH GRANT OPTION;\n"),
            (
                "another grantor",
                &function,
                &["=X/\"a\"\"b c\""],
                &[],
                "SET SESSION AUTHORIZATION \"a\"\"b c\";\nGRANT ALL ON FUNCTION s.f() TO PUBLIC;\nRESET SESSION AUTHORIZATION;\n",
            ),
            ("a column", &column, &["r=rw/owner"], &[], "GRANT SELECT(\"Title\"),UPDATE(\"Title\") ON TABLE public.film TO r;\n"),
            (
                "the owner comes first",
                &function,
                &["a=X/owner", "owner=X/owner"],
                &["=X/owner"],
                "REVOKE ALL ON FUNCTION s.f() FROM PUBLIC;\nGRANT ALL ON FUNCTION s.f() TO owner;\nGRANT ALL ON FUNCTION s.f() TO a;\n",
            ),
        ];
        for (name, target, actual, baseline, expected) in cases {
            assert_eq!(rendered(target, actual, baseline), expected, "{name}");
        }
    }

    #[test]
    fn default_privileges_name_their_role_and_schema() {
        let target = GrantTarget { keyword: "TABLES", object: "", default_in: Some(Some("s")), ..FILM };
        assert_eq!(
            rendered(&target, &["r=r/owner"], &[]),
            "ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA s GRANT SELECT ON TABLES TO r;\n"
        );
    }

    #[test]
    fn a_null_acl_changes_nothing() {
        let mut ddl = Ddl::new();
        render_privileges(&mut ddl, &FILM, Acl { actual: None, baseline: &["owner=r/owner".into()] });
        assert!(ddl.is_empty());
    }

    #[test]
    fn roles_with_odd_names_are_understood() {
        let item = AclItem::parse("\"a=b/\"\"c\"=r*w/\"O K\"").expect("an item");
        let expected = AclItem { grantee: "a=b/\"c".into(), privileges: vec![('r', true), ('w', false)], grantor: "O K".into() };
        assert_eq!(item, expected);
    }
}
