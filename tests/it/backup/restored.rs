//! What comes back from a backup is what was there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use pgstream::Run;
use pgstream::backup::{Backup, CreateOptions, Level, RestoreOptions};
use pgstream::connection::Environment;
use pgstream::error::ErrorCode;
use pgstream::guard::{AdmitRequest, NamedDatabase, NoMemory, Profiles, admit};
use pgstream::import::ImportOptions;
use pgstream_tests::cluster::Cluster;
use pgstream_tests::database::{TestDb, unique_name};
use pgstream_tests::oracle;

use super::{Folder, config, entries, films};
use crate::syncing::{destination, explain};

/// What the program zstd makes of a file, in a file beside it.
fn unpacked(packed: &Path) -> PathBuf {
    let script = packed.with_extension("");
    let output = Command::new("zstd").arg("-dc").arg(packed).output().expect("zstd starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::write(&script, output.stdout).expect("there is room");
    script
}

/// Restores a backup by zstd and psql, and fails unless that makes `original`.
pub(super) async fn assert_restores(folder: &Folder, id: &str, original: &TestDb) {
    let copy = TestDb::create(original.cluster()).await;
    let script = unpacked(&folder.path().join(id).join("database.sql.zst"));
    oracle::psql_load(&copy.url(), &script).unwrap_or_else(|e| panic!("{id}: {e}"));
    std::fs::remove_file(script).expect("it was written a moment ago");
    oracle::assert_same(&original.url(), &copy.url());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shop_comes_back_by_zstd_and_psql_on_every_major() {
    for cluster in Cluster::all() {
        let (db, folder) = (TestDb::create(&cluster).await.with_shop(1).await, Folder::new());
        db.execute("drop statistics shop.orders_placed_status").await;
        let made = folder.create(&db).await;
        assert_restores(&folder, made.id.as_str(), &db).await;
    }
}

/// What a role is, without its oid and password.
const ROLE: &str = "select r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication, \
     r.rolbypassrls, r.rolconnlimit, r.rolvaliduntil at time zone 'UTC', r.rolconfig, shobj_description(r.oid, 'pg_authid'), \
     (select array_agg(g.rolname::text || m.admin_option order by g.rolname) from pg_auth_members m join pg_roles g on g.oid = m.roleid \
       where m.member = r.oid) \
     from pg_roles r where r.rolname like ";

#[tokio::test(flavor = "multi_thread")]
async fn roles_that_are_needed_come_back_and_others_do_not_on_every_major() {
    for cluster in Cluster::all() {
        let (db, folder, name) = (TestDb::create(&cluster).await, Folder::new(), unique_name());
        let like = format!("{ROLE}'{name}%' order by 1");
        db.execute(&format!(
            "create role {name}_group admin fixture_owner; create role {name}_unneeded; \
             create role \"{name} it's $$\" login createdb noinherit connection limit 7 valid until '2040-01-02 03:04:05+00' \
               in role {name}_group, pg_monitor; \
             alter role \"{name} it's $$\" set search_path to \"a b\", public; \
             comment on role \"{name} it's $$\" is E'two\\nlines'"
        ))
        .await;
        db.execute(&format!(
            "create table t (a int); alter table t owner to \"{name} it's $$\"; create table u (a int); grant select on u to {name}_group"
        ))
        .await;
        let made = folder.create(&db).await;
        assert!(
            made.roles.iter().any(|role| role.ends_with("it's $$")) && !made.roles.iter().any(|role| role.contains("unneeded")),
            "{:?}",
            made.roles
        );
        let elsewhere = Arc::new(Cluster::private(cluster.major(), &[]));
        let script = unpacked(&PathBuf::from(&made.to).join("globals.sql.zst"));
        let admin = elsewhere.url("postgres");
        // Twice: what is there is left as it is.
        for _ in 0..2 {
            oracle::psql_load(&admin, &script).unwrap_or_else(|e| panic!("{}: {e}", cluster.major()));
        }
        let expected = cluster.admin(&format!("select * from ({like}) as roles where rolname <> '{name}_unneeded'"));
        assert_eq!(elsewhere.admin(&like), expected, "{}", cluster.major());
        let copy = TestDb::create(&elsewhere).await;
        let script = unpacked(&PathBuf::from(&made.to).join("database.sql.zst"));
        oracle::psql_load(&copy.url(), &script).unwrap_or_else(|e| panic!("{}: {e}", cluster.major()));
        oracle::assert_same(&db.url(), &copy.url());
        drop(db);
        cluster.admin(&format!("drop role \"{name} it's $$\"; drop role {name}_group; drop role {name}_unneeded"));
    }
}

#[tokio::test]
async fn passwords_are_kept_only_if_that_is_asked_for_and_may_be_done() {
    let (db, name) = (films().await, unique_name());
    let cluster = db.cluster().clone();
    let owner = cluster.create_password_role(&name, "s3cret", db.name());
    cluster.admin(&format!("grant all on database {} to {name}", db.name()));
    db.execute(&format!(
        "alter table film owner to {name}; alter table maker owner to {name}; alter large object 4711 owner to {name}"
    ))
    .await;
    let cases = [(db.url(), false, false), (db.url(), true, true), (owner, true, false)];
    for (url, is_wanted, is_there) in cases {
        let folder = Folder::new();
        let mut options = CreateOptions::default();
        options.role_passwords = is_wanted;
        let made = folder.set.create(&config(&url), &options, &Run::new()).await.expect("nothing is in its way");
        let shown = folder.set.show("latest", &Run::new()).await.expect("it is there").manifest.expect("it is whole");
        let script = std::fs::read_to_string(unpacked(&PathBuf::from(&made.to).join("globals.sql.zst"))).expect("it is text");
        assert_eq!((shown.globals.has_passwords, script.contains("SCRAM-SHA-256$")), (is_there, is_there), "{url} {is_wanted}");
        assert_eq!(
            made.warnings.iter().any(|warning| warning.contains("passwords")),
            is_wanted && !is_there,
            "{:?}",
            made.warnings
        );
        for file in entries(Path::new(&made.to)) {
            let text = String::from_utf8_lossy(&std::fs::read(&file).expect("it can be read")).into_owned();
            assert!(!text.contains("s3cret") && (!text.contains("SCRAM") || file.ends_with("globals.sql")), "{}", file.display());
        }
    }
    drop(db);
    cluster.admin(&format!("drop owned by {name}; drop role {name}"));
}

/// Every fixture of a kind of object, and the shop.
async fn all_kinds(cluster: &Arc<Cluster>) -> Vec<TestDb> {
    let mut all = vec![TestDb::create(cluster).await.with_shop(1).await];
    all[0].execute("drop statistics shop.orders_placed_status").await;
    for name in ["table", "constraint", "view", "function", "large_object", "policy"] {
        all.push(TestDb::create(cluster).await.with_fixture(&format!("objects/{name}")).await);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_restore_makes_is_what_was_there() {
    for db in all_kinds(&Cluster::newest()).await {
        let (folder, copy) = (Folder::new(), TestDb::create(db.cluster()).await);
        let made = folder.create(&db).await;
        let verified = folder.verify(made.id.as_str(), Level::Contents).await;
        assert_eq!(verified.findings, []);
        let to = destination(&copy.url()).await;
        let restored = folder.set.restore("latest", to, &RestoreOptions::default(), &Run::new()).await;
        let restored = restored.unwrap_or_else(|failure| panic!("{}", explain(&failure)));
        assert_eq!((restored.report.rows, restored.id), (made.rows, made.id));
        let mut differences = oracle::same_schema(&db.url(), &copy.url()).err().unwrap_or_default();
        let contents = oracle::contents(&db.url()).differences(&oracle::contents(&copy.url()));
        // Hashes of enums depend on oids, so these rows land in other partitions of the same table.
        differences.extend(contents.into_iter().filter(|line| !line.contains("table tables.by_enum_")));
        assert_eq!(differences, [""; 0]);
    }
}

#[tokio::test]
async fn roles_are_restored_only_where_the_cluster_was_admitted() {
    let (db, folder, copy) = (films().await, Folder::new(), TestDb::new().await);
    folder.create(&db).await;
    let options = RestoreOptions::default().with_import(ImportOptions::default().with_globals(true));
    let target = NamedDatabase::unnamed(config(&copy.url()));
    // Production is another database of the same cluster: the target may be written to, its cluster may not.
    let environment = Environment::empty().with("PRODUCTION_DATABASE_URL", db.url());
    let profiles = Profiles::load(&environment, None, None).expect("one profile");
    let beside = admit(AdmitRequest::new(&target, &profiles, &NoMemory)).await.expect("it is another database");
    let refused = folder.set.restore("latest", beside, &options, &Run::new()).await.expect_err("roles are production's, too");
    assert_eq!(
        (refused.code(), copy.value("select count(*) from pg_tables where schemaname = 'public'").await),
        (ErrorCode::GuardRefused, "0".into())
    );
    let elsewhere = Arc::new(Cluster::private(db.cluster().major(), &[]));
    let (name, copy) = (unique_name(), TestDb::create(&elsewhere).await);
    db.execute(&format!("create role {name} login; alter table film owner to {name}")).await;
    folder.create(&db).await;
    let target = NamedDatabase::unnamed(config(&copy.url()));
    let profiles = Profiles::none(&Environment::empty());
    let admitted = admit(AdmitRequest::new(&target, &profiles, &NoMemory).allow_globals(true)).await;
    let admitted = admitted.expect("no protected database is there");
    let restored = folder.set.restore("latest", admitted, &options, &Run::new()).await;
    restored.unwrap_or_else(|failure| panic!("{}", explain(&failure)));
    oracle::assert_same(&db.url(), &copy.url());
    let cluster = db.cluster().clone();
    drop(db);
    cluster.admin(&format!("drop role {name}"));
}
