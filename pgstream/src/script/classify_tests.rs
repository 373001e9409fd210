use super::super::statement::statement;
use super::*;

fn judge(text: &str) -> Classification {
    statement(text).classify()
}

#[test]
fn what_cannot_run_in_a_transaction() {
    for (text, runs_in_transaction) in [
        ("CREATE DATABASE d", false),
        ("DROP DATABASE d", false),
        ("ALTER DATABASE d SET TABLESPACE t", false),
        ("ALTER DATABASE d SET work_mem = '1MB'", true),
        ("CREATE TABLESPACE t LOCATION '/x'", false),
        ("DROP TABLESPACE t", false),
        ("ALTER TABLESPACE t OWNER TO a", true),
        ("VACUUM t", false),
        ("vacuum (analyze)", false),
        ("ANALYZE t", true),
        ("CREATE INDEX i ON t (a)", true),
        ("CREATE INDEX CONCURRENTLY i ON t (a)", false),
        ("CREATE UNIQUE INDEX /* x */ concurrently ON t (a)", false),
        ("DROP INDEX CONCURRENTLY i", false),
        ("REINDEX TABLE t", true),
        ("REINDEX (VERBOSE) TABLE CONCURRENTLY t", false),
        ("REINDEX (CONCURRENTLY) TABLE t", false),
        ("REINDEX DATABASE d", false),
        ("REINDEX SCHEMA s", false),
        ("CLUSTER", false),
        ("CLUSTER VERBOSE;", false),
        ("CLUSTER t USING i", true),
        ("ALTER SYSTEM SET work_mem = '1MB'", false),
        ("ALTER TYPE e ADD VALUE 'x'", true),
        ("ALTER TABLE p DETACH PARTITION c CONCURRENTLY", false),
        ("ALTER TABLE p DETACH PARTITION c", true),
        ("CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p", false),
        ("CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (connect = false, slot_name = 's')", true),
        ("CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (create_slot = 'off')", true),
        ("CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p WITH (connect = true)", false),
        ("DROP SUBSCRIPTION s", false),
        ("ALTER SUBSCRIPTION s ADD PUBLICATION p", false),
        ("ALTER SUBSCRIPTION s SET PUBLICATION p WITH (refresh = false)", true),
        ("ALTER SUBSCRIPTION s OWNER TO a", true),
        ("COMMIT PREPARED 'x'", false),
        ("DISCARD ALL", false),
        ("DISCARD PLANS", true),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY v", true),
        ("CREATE TABLE concurrently.t ()", true),
    ] {
        assert_eq!(judge(text).runs_in_transaction, runs_in_transaction, "{text}");
    }
}

#[test]
fn how_far_a_statement_reaches() {
    use Reach::{Cluster, Database, Machine, Objects};
    for (text, reach) in [
        ("CREATE TABLE role (a int)", Objects),
        ("INSERT INTO t VALUES (1)", Objects),
        ("CREATE ROLE a", Cluster),
        ("alter user a PASSWORD 'x'", Cluster),
        ("ALTER ROLE a IN DATABASE d SET x = 1", Cluster),
        ("DROP GROUP a", Cluster),
        ("CREATE USER MAPPING FOR a SERVER s", Objects),
        ("DROP USER MAPPING FOR a SERVER s", Objects),
        ("GRANT a TO b", Cluster),
        ("GRANT \"on\" TO b", Cluster),
        ("REVOKE ADMIN OPTION FOR a FROM b", Cluster),
        ("GRANT SELECT ON t TO b", Objects),
        ("GRANT SELECT (a, b) ON TABLE t TO b", Objects),
        ("GRANT CONNECT ON DATABASE d TO b", Database),
        ("GRANT CREATE ON TABLESPACE t TO b", Cluster),
        ("GRANT SET ON PARAMETER work_mem TO b", Cluster),
        ("REVOKE ALL ON SCHEMA public FROM PUBLIC", Objects),
        ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO b", Objects),
        ("CREATE DATABASE d", Database),
        ("ALTER DATABASE d SET x = 1", Database),
        ("COMMENT ON DATABASE d IS 'x'", Database),
        ("COMMENT ON ROLE a IS 'x'", Cluster),
        ("COMMENT ON TABLESPACE t IS 'x'", Cluster),
        ("COMMENT ON COLUMN t.role IS 'x'", Objects),
        ("SECURITY LABEL FOR x ON ROLE a IS 'y'", Cluster),
        ("SECURITY LABEL ON TABLE t IS 'y'", Objects),
        ("CREATE TABLESPACE t LOCATION '/x'", Cluster),
        ("ALTER SYSTEM RESET ALL", Cluster),
        ("REASSIGN OWNED BY a TO b", Cluster),
        ("DROP OWNED BY a", Cluster),
        ("COPY t FROM stdin", Objects),
        ("COPY t FROM '/etc/passwd'", Machine),
        ("COPY t FROM PROGRAM 'id'", Machine),
        ("SELECT lo_import('/etc/passwd')", Machine),
        ("LOAD 'x'", Machine),
        ("/* CREATE */ -- x\n DROP ROLE a", Cluster),
    ] {
        assert_eq!(judge(text).reach, reach, "{text}");
    }
}

#[test]
fn what_a_statement_is() {
    use StatementKind as K;
    use TransactionControl as T;
    let definition = |verb, object: &str| K::Definition { verb, object: object.into() };
    for (text, kind) in [
        ("BEGIN", K::Transaction(T::Begin)),
        ("start transaction isolation level serializable", K::Transaction(T::Begin)),
        ("COMMIT;", K::Transaction(T::Commit)),
        ("END", K::Transaction(T::Commit)),
        ("ROLLBACK", K::Transaction(T::Rollback)),
        ("ABORT WORK", K::Transaction(T::Rollback)),
        ("ROLLBACK TO SAVEPOINT a", K::Transaction(T::RollbackTo)),
        ("ROLLBACK WORK TO a", K::Transaction(T::RollbackTo)),
        ("SAVEPOINT a", K::Transaction(T::Savepoint)),
        ("RELEASE a", K::Transaction(T::Release)),
        ("PREPARE TRANSACTION 'x'", K::Transaction(T::TwoPhase)),
        ("SET TRANSACTION READ ONLY", K::Transaction(T::Characteristics)),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", K::Transaction(T::Characteristics)),
        ("SET CONSTRAINTS ALL DEFERRED", K::Transaction(T::Characteristics)),
        ("PREPARE p AS SELECT 1", K::Other),
        ("insert into t values (1)", K::Insert),
        ("SELECT pg_catalog.setval('public.s', 3, true);", K::SequenceValue),
        ("SELECT setval FROM t", K::Query),
        ("SELECT pg_catalog.lo_create('123')", K::LargeObject),
        ("SELECT pg_catalog.lowrite(0, '\\x00')", K::LargeObject),
        ("(SELECT 1)", K::Query),
        ("WITH a AS (SELECT 1) TABLE a", K::Query),
        ("DELETE FROM t", K::Change),
        ("TRUNCATE t", K::Change),
        ("VACUUM", K::Maintenance),
        ("DO $$ begin end $$", K::Other),
        ("CREATE OR REPLACE FUNCTION f() RETURNS int", definition("CREATE", "FUNCTION")),
        ("CREATE TEMP TABLE t ()", definition("CREATE", "TABLE")),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1", definition("CREATE", "MATERIALIZED VIEW")),
        ("CREATE FOREIGN DATA WRAPPER w", definition("CREATE", "FOREIGN DATA WRAPPER")),
        ("CREATE TEXT SEARCH CONFIGURATION c", definition("CREATE", "TEXT SEARCH CONFIGURATION")),
        ("CREATE TRUSTED PROCEDURAL LANGUAGE l", definition("CREATE", "LANGUAGE")),
        ("CREATE UNIQUE INDEX i ON t (a)", definition("CREATE", "INDEX")),
        ("GRANT a TO b", definition("GRANT", "ROLE")),
        ("COMMENT ON LARGE OBJECT 3 IS 'x'", definition("COMMENT", "LARGE OBJECT")),
        ("", K::Other),
        ("'literal'", K::Other),
    ] {
        assert_eq!(judge(text).kind, kind, "{text}");
    }
}

#[test]
fn settings_and_copies_carry_what_they_say() {
    let StatementKind::Setting(setting) = judge("SET client_encoding = 'SJIS'").kind else { panic!("no setting") };
    assert_eq!((setting.name.as_str(), setting.value.as_deref()), ("client_encoding", Some("SJIS")));
    let StatementKind::Copy(copy) = judge("COPY public.film (id) FROM stdin;").kind else { panic!("no copy") };
    assert_eq!(copy.shown, "public.film");
}

#[test]
fn only_known_failures_are_benign() {
    for (text, benign) in [
        ("DROP TABLE public.t;", Some(Benign::DropOfMissing)),
        ("DROP EVENT TRIGGER e", Some(Benign::DropOfMissing)),
        ("DROP DATABASE d", None),
        ("DROP ROLE a", None),
        ("DROP INDEX CONCURRENTLY i", None),
        ("ALTER TABLE IF EXISTS ONLY public.t DROP CONSTRAINT IF EXISTS \"c\";", Some(Benign::DropOfMissing)),
        ("ALTER TABLE public.t ALTER COLUMN a DROP DEFAULT;", Some(Benign::DropOfMissing)),
        ("ALTER TABLE t DROP CONSTRAINT c, ADD COLUMN a int", None),
        ("ALTER TABLE t DROP COLUMN a", None),
        ("CREATE SCHEMA public;", Some(Benign::SchemaExists)),
        ("CREATE SCHEMA public CREATE TABLE t ()", None),
        ("CREATE SCHEMA sales", None),
        ("CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public", Some(Benign::ExtensionExists)),
        ("COMMENT ON EXTENSION hstore IS 'x'", Some(Benign::CommentOnExtension)),
        ("COMMENT ON SCHEMA public IS 'x'", Some(Benign::CommentOnPublicSchema)),
        ("COMMENT ON SCHEMA sales IS 'x'", None),
        ("CREATE TABLE t ()", None),
        ("COPY t FROM stdin", None),
    ] {
        assert_eq!(judge(text).benign, benign, "{text}");
    }
}

#[test]
fn joined_commands_are_judged_by_the_one_that_reaches_furthest() {
    let mut joined = statement("SELECT 1; DROP ROLE a; VACUUM;");
    joined.commands = 3;
    let judged = joined.classify();
    assert_eq!((judged.kind, judged.reach, judged.runs_in_transaction), (StatementKind::Several, Reach::Cluster, false));
}
