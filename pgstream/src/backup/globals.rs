//! What of the cluster a database needs: roles, what they are members of, tablespaces.
//!
//! A backup of one database is not one of the cluster: only roles that own or are granted something in the archive are kept, and
//! those that they are members of. The script makes a role that is missing and leaves one alone that is there.

use std::collections::BTreeMap;

use tokio_postgres::types::{FromSql, ToSql, Type};

use crate::catalog::version_tags;
use crate::connection::{Connection, ConnectionConfig, pin_settings};
use crate::ddl::{Ddl, render_setting};
use crate::error::{CatalogError, Error};
use crate::import::preflight::Wanted;
use crate::progress::Run;

const ROLES: (&str, &str) = ("globals_roles.sql", include_str!("globals_roles.sql"));
const MEMBERSHIPS: (&str, &str) = ("globals_memberships.sql", include_str!("globals_memberships.sql"));
const PASSWORDS: (&str, &str) = ("globals_passwords.sql", include_str!("globals_passwords.sql"));
const TABLESPACES: (&str, &str) = ("globals_tablespaces.sql", include_str!("globals_tablespaces.sql"));
const MAY_READ_PASSWORDS: &str = "select pg_catalog.has_column_privilege('pg_catalog.pg_authid', 'rolpassword', 'select')::text";

/// Words that stand where a role's name can stand, and mean none.
const NO_ROLES: [&str; 4] = ["public", "current_user", "current_role", "session_user"];

/// What a database needs of its cluster.
#[derive(Debug, Default)]
pub(super) struct Globals {
    /// A script for psql that makes what is missing.
    pub(super) script: String,
    pub(super) roles: Vec<String>,
    pub(super) tablespaces: Vec<String>,
    pub(super) has_passwords: bool,
}

struct Role {
    name: String,
    attributes: [(bool, &'static str, &'static str); 7],
    connection_limit: i32,
    valid_until: Option<String>,
    settings: Vec<String>,
    comment: Option<String>,
    password: Option<String>,
}

struct Membership {
    role: String,
    member: String,
    is_admin: bool,
    inherits: bool,
    can_set: bool,
    member_inherits: bool,
}

struct Tablespace {
    name: String,
    owner: String,
    location: String,
}

/// Reads what `wanted` names. A role that is gone since is warned of.
///
/// # Errors
/// When the server does not answer. That it does not show passwords is a warning.
pub(super) async fn read(source: &ConnectionConfig, wanted: &Wanted, with_passwords: bool, run: &Run) -> Result<Globals, Error> {
    let names: Vec<&str> = wanted.roles.keys().map(String::as_str).filter(|name| !NO_ROLES.contains(name)).collect();
    let tablespaces: Vec<&str> = wanted.tablespaces.iter().map(String::as_str).collect();
    let connection = Connection::open(&source.with_application_name(&format!("pgstream:{}", run.job()))).await?;
    let pins = pin_settings(connection.version(), false);
    connection.batch(&format!("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; {pins}")).await?;
    let mut roles = roles(&connection, &names).await?;
    names.iter().filter(|name| !name.starts_with("pg_") && !roles.iter().any(|role| role.name == **name)).for_each(|name| {
        run.warn(format!("the role {} was dropped while the backup was made", crate::name::display_part(name)));
    });
    let made: Vec<String> = roles.iter().map(|role| role.name.clone()).collect();
    let memberships = memberships(&connection, &made).await?;
    let tablespaces = read_tablespaces(&connection, &tablespaces).await?;
    let has_passwords = with_passwords && add_passwords(&connection, &mut roles, &made, run).await?;
    connection.close().await;
    let script = render(&roles, &memberships, &tablespaces);
    let tablespaces = tablespaces.into_iter().map(|tablespace| tablespace.name).collect();
    Ok(Globals { script, roles: made, tablespaces, has_passwords })
}

/// Rows of a query whose only parameter is a list of names.
async fn ask<N: ToSql + Sync>(connection: &Connection, query: (&'static str, &str), names: &[N]) -> Result<Vec<Answer>, Error> {
    let sql = version_tags::for_version(query.1, connection.version().major());
    let params: [(&(dyn ToSql + Sync), Type); 1] = [(&names, Type::TEXT_ARRAY)];
    let rows = connection.query(&sql, &params).await?;
    Ok(rows.into_iter().map(|row| Answer { query: query.0, row }).collect())
}

struct Answer {
    query: &'static str,
    row: tokio_postgres::Row,
}

impl Answer {
    fn get<'r, T: FromSql<'r>>(&'r self, column: &'static str) -> Result<T, CatalogError> {
        let explain = |e: tokio_postgres::Error| CatalogError::Decode { query: self.query, column, problem: e.to_string() };
        self.row.try_get(column).map_err(explain)
    }
}

async fn roles(connection: &Connection, names: &[&str]) -> Result<Vec<Role>, Error> {
    let mut roles = Vec::new();
    for row in ask(connection, ROLES, names).await? {
        roles.push(Role {
            name: row.get("name")?,
            attributes: [
                (row.get("is_superuser")?, " SUPERUSER", " NOSUPERUSER"),
                (row.get("inherits")?, " INHERIT", " NOINHERIT"),
                (row.get("creates_roles")?, " CREATEROLE", " NOCREATEROLE"),
                (row.get("creates_databases")?, " CREATEDB", " NOCREATEDB"),
                (row.get("can_login")?, " LOGIN", " NOLOGIN"),
                (row.get("can_replicate")?, " REPLICATION", " NOREPLICATION"),
                (row.get("bypasses_row_security")?, " BYPASSRLS", " NOBYPASSRLS"),
            ],
            connection_limit: row.get("connection_limit")?,
            valid_until: row.get("valid_until")?,
            settings: row.get("settings")?,
            comment: row.get("comment")?,
            password: None,
        });
    }
    Ok(roles)
}

async fn memberships(connection: &Connection, members: &[String]) -> Result<Vec<Membership>, Error> {
    let mut memberships = Vec::new();
    for row in ask(connection, MEMBERSHIPS, members).await? {
        memberships.push(Membership {
            role: row.get("role")?,
            member: row.get("member")?,
            is_admin: row.get("is_admin")?,
            inherits: row.get("inherits")?,
            can_set: row.get("can_set")?,
            member_inherits: row.get("member_inherits")?,
        });
    }
    Ok(memberships)
}

async fn read_tablespaces(connection: &Connection, names: &[&str]) -> Result<Vec<Tablespace>, Error> {
    let mut tablespaces = Vec::new();
    for row in ask(connection, TABLESPACES, names).await? {
        tablespaces.push(Tablespace { name: row.get("name")?, owner: row.get("owner")?, location: row.get("location")? });
    }
    Ok(tablespaces)
}

/// Fills in passwords; `false`, with a warning, if this role may not read them.
async fn add_passwords(connection: &Connection, roles: &mut [Role], names: &[String], run: &Run) -> Result<bool, Error> {
    let answer = connection.simple_query(MAY_READ_PASSWORDS).await?;
    let may_read = answer.first().and_then(|row| row.first()).and_then(Option::as_deref) == Some("true");
    if !may_read {
        run.warn("the backup has no passwords of roles: this role may not read them");
        return Ok(false);
    }
    let mut passwords = BTreeMap::new();
    for row in ask(connection, PASSWORDS, names).await? {
        passwords.insert(row.get::<String>("name")?, row.get::<String>("password")?);
    }
    roles.iter_mut().for_each(|role| role.password = passwords.remove(&role.name));
    Ok(true)
}

fn render(roles: &[Role], memberships: &[Membership], tablespaces: &[Tablespace]) -> String {
    let mut ddl = Ddl::new();
    ddl.sql("--\n-- Roles that the database beside this file needs. One that is there already is left as it is.\n--\n\n");
    ddl.sql("SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n\n");
    roles.iter().for_each(|role| render_role(&mut ddl, role));
    memberships.iter().for_each(|membership| render_membership(&mut ddl, membership));
    if !tablespaces.is_empty() {
        ddl.sql("\n--\n-- Tablespaces are made by hand, where their folders are to be on the new machine; or leave them away.\n--\n\n");
    }
    tablespaces.iter().for_each(|tablespace| render_tablespace(&mut ddl, tablespace));
    ddl.into_string()
}

/// The role with all that belongs to it in one block, so that nothing is changed about one that is there.
fn render_role(ddl: &mut Ddl, role: &Role) {
    let mut body = Ddl::new();
    body.sql("\nBEGIN\n    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ").literal(&role.name);
    body.sql(") THEN\n        RETURN;\n    END IF;\n    CREATE ROLE ").ident(&role.name).sql(" WITH");
    for (is_set, yes, no) in role.attributes {
        body.sql(if is_set { yes } else { no });
    }
    if role.connection_limit != -1 {
        body.sql(" CONNECTION LIMIT ").number(role.connection_limit);
    }
    if let Some(password) = &role.password {
        body.sql(" PASSWORD ").literal(password);
    }
    if let Some(until) = &role.valid_until {
        body.sql(" VALID UNTIL ").literal(until);
    }
    body.end();
    for setting in &role.settings {
        body.sql("    ALTER ROLE ").ident(&role.name).sql(" SET ");
        render_setting(&mut body, setting);
        body.end();
    }
    if let Some(comment) = &role.comment {
        body.sql("    COMMENT ON ROLE ").ident(&role.name).sql(" IS ").literal(comment).end();
    }
    body.sql("END\n");
    ddl.sql("DO ").dollar_quoted(body.as_str()).end();
}

/// In the syntax that every server knows, unless the membership is of a kind that only 16 and newer have.
fn render_membership(ddl: &mut Ddl, membership: &Membership) {
    ddl.sql("GRANT ").ident(&membership.role).sql(" TO ").ident(&membership.member);
    let is_plain = membership.can_set && membership.inherits == membership.member_inherits;
    if is_plain {
        ddl.sql(if membership.is_admin { " WITH ADMIN OPTION" } else { "" });
    } else {
        let word = |is_set| if is_set { "TRUE" } else { "FALSE" };
        ddl.sql(" WITH ADMIN ").sql(word(membership.is_admin)).sql(", INHERIT ").sql(word(membership.inherits));
        ddl.sql(", SET ").sql(word(membership.can_set));
    }
    ddl.end();
}

fn render_tablespace(ddl: &mut Ddl, tablespace: &Tablespace) {
    let mut create = Ddl::new();
    create.sql("CREATE TABLESPACE ").ident(&tablespace.name).sql(" OWNER ").ident(&tablespace.owner);
    create.sql(" LOCATION ").literal(&tablespace.location).end();
    // Within a comment a line break would end it.
    ddl.sql("-- ").deparsed(&create.as_str().trim_end().replace(['\n', '\r'], " ")).sql("\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "x'\"\n\\! touch /tmp/hit\n$$; DROP ROLE y; --";

    fn role(name: &str) -> Role {
        Role {
            name: name.into(),
            attributes: [(false, " SUPERUSER", " NOSUPERUSER"); 7],
            connection_limit: -1,
            valid_until: None,
            settings: vec!["search_path=a, b".into()],
            comment: Some(HOSTILE.into()),
            password: None,
        }
    }

    #[test]
    fn a_hostile_role_stays_inside_its_block() {
        let mut ddl = Ddl::new();
        render_role(&mut ddl, &role(HOSTILE));
        let text = ddl.into_string();
        let (open, rest) = text.strip_prefix("DO ").and_then(|rest| rest.split_once('\n')).expect("a block");
        assert!(open.len() > 2 && open.starts_with('$') && open.ends_with('$'), "{open}");
        assert_eq!(rest.find(open), Some(rest.len() - open.len() - 2), "{text}");
        assert!(rest.contains("SET search_path TO 'a', 'b';\n"), "{text}");
    }

    #[test]
    fn a_hostile_tablespace_stays_inside_its_comment() {
        let tablespace = Tablespace { name: HOSTILE.into(), owner: HOSTILE.into(), location: HOSTILE.into() };
        let text = render(&[], &[], &[tablespace]);
        let last = text.trim_end().lines().last().expect("a line");
        assert!(last.starts_with("-- CREATE TABLESPACE \"x'") && last.ends_with(';'), "{text}");
    }

    #[test]
    fn memberships_are_written_so_that_old_servers_read_them_where_that_is_possible() {
        let grant = |is_admin, inherits, can_set| {
            let mut ddl = Ddl::new();
            let (role, member) = ("a".to_owned(), "b".to_owned());
            render_membership(&mut ddl, &Membership { role, member, is_admin, inherits, can_set, member_inherits: true });
            ddl.into_string()
        };
        assert_eq!(grant(false, true, true), "GRANT a TO b;\n");
        assert_eq!(grant(true, true, true), "GRANT a TO b WITH ADMIN OPTION;\n");
        assert_eq!(grant(false, false, true), "GRANT a TO b WITH ADMIN FALSE, INHERIT FALSE, SET TRUE;\n");
    }
}
