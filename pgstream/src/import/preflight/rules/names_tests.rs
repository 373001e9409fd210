use super::*;
use crate::import::preflight::facts::AvailableExtension;
use crate::import::preflight::samples::{Sample, errors};
use crate::import::preflight::{Severity, Wanted};

fn with_roles() -> Sample {
    let mut sample = Sample::new();
    sample.add_owned("TABLE", "t", "alice");
    sample.add("ACL", "TABLE t", "GRANT SELECT ON TABLE public.t TO \"Bob\";\nREVOKE ALL ON TABLE t FROM PUBLIC;\n");
    sample.add("DEFAULT ACL", "x", "ALTER DEFAULT PRIVILEGES FOR ROLE carol IN SCHEMA s GRANT SELECT ON TABLES TO dave;\n");
    sample.add("POLICY", "p", "CREATE POLICY p ON t FOR SELECT TO erin, PUBLIC USING ((a = to_char(b)));\n");
    sample
}

#[test]
fn every_missing_role_is_named_with_its_use_and_its_remedy() {
    let found = with_roles().find(role_missing);
    let expected = "5 roles do not exist in the target: \"Bob\" (privileges), alice (owner), carol (grants in its name), \
                    dave (privileges), erin (policies)";
    assert_eq!(errors(&found), [expected]);
    assert_eq!(
        found[0].remedy,
        "Create them in the target: CREATE ROLE \"Bob\"; CREATE ROLE alice; CREATE ROLE carol; CREATE ROLE dave; \
         CREATE ROLE erin;, or go without them: --no-owner --no-privileges"
    );
}

#[test]
fn roles_that_are_there_are_fine() {
    let mut sample = with_roles();
    for role in sample.wanted.roles.keys() {
        sample.target.roles.insert(role.clone(), true);
    }
    assert!(sample.find(role_missing).is_empty() && sample.find(role_membership).is_empty());
}

#[test]
fn a_role_that_we_may_not_act_as_is_an_error_unless_we_are_a_superuser() {
    let mut sample = with_roles();
    sample.target.server.role.is_superuser = false;
    for role in ["alice", "Bob", "dave"] {
        sample.target.roles.insert(role.into(), false);
    }
    let found = sample.find(role_membership);
    assert_eq!(errors(&found), ["loader may not act as 1 role: alice"], "privileges need no membership");
    assert!(found[0].remedy.contains("GRANT alice TO loader;"), "{found:?}");
    sample.target.server.role.is_superuser = true;
    assert!(sample.find(role_membership).is_empty());
}

fn with_extension(there: Option<AvailableExtension>) -> Sample {
    let mut sample = Sample::new();
    sample.add("EXTENSION", "hstore", "CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;\n");
    sample.source.extensions.insert("hstore".into(), "1.8".into());
    if let Some(there) = there {
        sample.target.extensions.insert("hstore".into(), there);
    }
    sample
}

fn available() -> AvailableExtension {
    AvailableExtension { version: "1.8".into(), needs_superuser: true, ..AvailableExtension::default() }
}

#[test]
fn an_extension_must_be_available() {
    assert_eq!(
        errors(&with_extension(None).find(extension_missing)),
        ["1 extension is not available on the target's server: hstore"]
    );
    assert!(with_extension(Some(available())).find(extension_missing).is_empty());
}

#[test]
fn who_may_install_an_extension_depends_on_trust() {
    let is_refused = |there: AvailableExtension, is_superuser, can_create| {
        let mut sample = with_extension(Some(there));
        let role = &mut sample.target.server.role;
        (role.is_superuser, role.can_create_in_database) = (is_superuser, can_create);
        !sample.find(extension_rights).is_empty()
    };
    assert!(is_refused(available(), false, true));
    assert!(!is_refused(available(), true, true));
    let trusted = AvailableExtension { is_trusted: true, ..available() };
    assert!(!is_refused(trusted.clone(), false, true));
    assert!(is_refused(trusted, false, false));
    assert!(!is_refused(AvailableExtension { is_installed: true, ..available() }, false, false));
}

#[test]
fn another_version_is_a_note_and_another_schema_a_warning() {
    let there = AvailableExtension { version: "1.6".into(), is_installed: true, schema: Some("ext".into()), ..available() };
    let found = with_extension(Some(there)).find(extension_version);
    let severities: Vec<Severity> = found.iter().map(|finding| finding.severity).collect();
    assert_eq!(severities, [Severity::Warning, Severity::Note], "{found:?}");
    assert!(found[1].what.contains("hstore 1.8 → 1.6"), "{found:?}");
    assert!(with_extension(Some(available())).find(extension_version).is_empty());
}

#[test]
fn tablespaces_must_be_there_and_usable() {
    let mut sample = Sample::new();
    sample.wanted.tablespaces.insert("fast".into());
    assert_eq!(errors(&sample.find(tablespace_missing)), ["1 tablespace does not exist in the target: fast"]);
    sample.target.names.insert(("tablespace".into(), "fast".into()), false);
    sample.target.server.role.is_superuser = false;
    assert_eq!(errors(&sample.find(tablespace_missing)), ["no CREATE privilege on 1 tablespace: fast"]);
    sample.target.names.insert(("tablespace".into(), "fast".into()), true);
    assert!(sample.find(tablespace_missing).is_empty());
}

#[test]
fn what_an_extension_may_bring_is_only_noted() {
    let mut sample = Sample::new();
    sample.add(
        "INDEX",
        "i",
        "CREATE INDEX i ON public.t USING bloom (a);\n\nALTER TABLE ONLY public.t REPLICA IDENTITY USING INDEX i;\n",
    );
    sample.add("FUNCTION", "f", "CREATE FUNCTION f() RETURNS int LANGUAGE plperl AS $$ language x $$;\n");
    let (access_method, language) = (sample.find(access_method_missing), sample.find(language_missing));
    assert_eq!(errors(&access_method), ["1 access method does not exist in the target: bloom"]);
    assert_eq!(errors(&language), ["1 language does not exist in the target: plperl"]);
    sample.wanted.extensions.insert("bloom".into(), None);
    sample.target.extensions.insert("bloom".into(), available());
    assert_eq!(errors(&sample.find(access_method_missing)).len(), 0);
}

#[test]
fn what_the_archive_makes_itself_is_not_looked_for() {
    let mut sample = Sample::new();
    sample.add("FUNCTION", "f", "CREATE FUNCTION f() RETURNS int LANGUAGE plown AS $$ x $$;\n");
    sample.add("PROCEDURAL LANGUAGE", "plown", "CREATE LANGUAGE plown HANDLER h;\n");
    assert_eq!(sample.wanted, Wanted { languages: BTreeSet::new(), ..sample.wanted.clone() });
}

#[test]
fn collations_of_the_system_must_be_there() {
    let mut sample = Sample::new();
    sample.add("TABLE", "t", "CREATE TABLE t (a text COLLATE pg_catalog.\"de-x-icu\", b text COLLATE own.c);\n");
    assert_eq!(errors(&sample.find(collation_missing)), ["1 collation does not exist in the target: de-x-icu"]);
    sample.target.names.insert(("collation".into(), "de-x-icu".into()), true);
    assert!(sample.find(collation_missing).is_empty());
}
