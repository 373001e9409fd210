//! A password stays with us, whichever way it came and whatever fails.

use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use pgstream::connection::{ConnectionConfig, Environment};
use pgstream::export::{ExportOptions, export};
use pgstream::storage::Sink;
use pgstream::{Event, Run};
use pgstream_tests::cluster::free_port;
use pgstream_tests::command::Pgstream;
use pgstream_tests::database::{TestDb, unique_name};
use proptest::prelude::*;

/// Its characters mean something in URLs, conninfo strings, password files and JSON. The middle appears nowhere by chance.
const PASSWORD: &str = r#"a@/:Zq7Zq7'\" %"#;
const MIDDLE: &str = "Zq7";

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

/// Every way by which a password comes to a program: a connection string and variables. The last two stand in files.
fn ways(user: &str, host: &str, port: u16, database: &str, home: &std::path::Path) -> Vec<(String, Vec<(&'static str, String)>)> {
    let end = format!("{host}:{port}/{database}");
    let conninfo = format!("host={host} port={port} user={user} dbname={database}");
    let file = |name: &str, text: String| {
        let path = home.join(name);
        std::fs::write(&path, text).expect("it can be written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
        path.display().to_string()
    };
    let passfile = file("passwords", format!("*:*:*:*:{}\n", PASSWORD.replace('\\', r"\\").replace(':', r"\:")));
    let services = format!("[s]\nhost={host}\nport={port}\nuser={user}\ndbname={database}\npassword={PASSWORD}\n");
    vec![
        (format!("postgres://{user}:{}@{end}", percent_encoded(PASSWORD)), vec![]),
        (format!("{conninfo} password={}", quoted(PASSWORD)), vec![]),
        (format!("postgres://{user}@{end}?password={}", percent_encoded(PASSWORD)), vec![]),
        (conninfo.clone(), vec![("PGPASSWORD", PASSWORD.into())]),
        (conninfo, vec![("PGPASSFILE", passfile)]),
        ("service=s".into(), vec![("PGSERVICEFILE", file("services", services))]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_command_that_cannot_connect_repeats_the_password() {
    let db = TestDb::new().await;
    let role = unique_name();
    db.cluster().create_password_role(&role, "another", db.name());
    let home = tempfile::tempdir().expect("there is room for a folder");
    let port = db.cluster().port();
    let failures = [
        ("a wrong password", role.as_str(), "127.0.0.1", port, db.name()),
        ("nobody listens", "u", "127.0.0.1", free_port(), "d"),
        ("a name that is none", "u", "nowhere.invalid", 5432, "d"),
        ("no such database", db.cluster().superuser(), "127.0.0.1", port, "no_such_database"),
    ];
    let mut calls = Vec::new();
    for (what, user, host, port, database) in failures {
        let folder = home.path().join(what);
        std::fs::create_dir(&folder).expect("there is room for a folder");
        for (string, variables) in ways(user, host, port, database, &folder) {
            for words in ["inspect --from shop", "inspect --from shop --json", "profiles test --json"] {
                let call = Pgstream::new(words.split(' ')).env("PGSTREAM_PROFILE_SHOP_URL", &string);
                let call = variables.iter().fold(call, |call, (name, value)| call.env(name, value));
                calls.push((format!("{what}, {words}, {string}"), call));
            }
        }
    }
    // Each tries for a while, in case the server is only starting.
    let outcomes = calls.into_iter().map(|(what, call)| async move { (what, call.run().await) });
    let mut outcomes = futures_util::stream::iter(outcomes).buffer_unordered(12);
    while let Some((what, outcome)) = outcomes.next().await {
        let told = format!("{}{}", outcome.text(), outcome.stderr);
        assert!(!told.contains(MIDDLE) && !told.is_empty(), "{what}: {told}");
        assert_eq!(outcome.code, Some(1), "{what}: {told}");
    }
    db.cluster().admin(&format!("drop role {role}"));
}

#[tokio::test]
async fn no_command_that_cannot_understand_a_profile_repeats_the_password() {
    for string in [
        format!("postgres://u:{MIDDLE}/x@h/d"),
        format!("postgres://u:p@{MIDDLE}@h:port/d"),
        format!("postgres://u:{MIDDLE}%zz@h/d"),
        format!("host=h password='{MIDDLE}"),
        format!("host=h passwort={MIDDLE}"),
        format!("host=h port=x password={MIDDLE}"),
        format!("postgres://u@h/d?pasword={MIDDLE}"),
        format!("mysql://u:{MIDDLE}@h/d"),
        format!("u:{MIDDLE}@h"),
    ] {
        for words in ["inspect --from shop", "profiles list --json", "sync --from shop --to shop --json"] {
            let outcome = Pgstream::new(words.split(' ')).env("PGSTREAM_PROFILE_SHOP_URL", &string).run().await;
            let told = format!("{}{}", outcome.text(), outcome.stderr);
            assert!(!told.contains(MIDDLE) && !told.is_empty(), "{words}, {string}: {told}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Neither the error, nor the report of it as text and as JSON, nor an event on the way.
    #[test]
    fn no_failure_shows_a_password(start in "[ -~äß]{0,8}", end in "[ -~äß]{0,8}", is_url in any::<bool>()) {
        let password = format!("{start}{MIDDLE}{MIDDLE}{end}");
        let string = match is_url {
            true => format!("postgres://u:{}@127.0.0.1:{}/d", percent_encoded(&password), free_port()),
            false => format!("host=127.0.0.1 port={} user=u dbname=d password={}", free_port(), quoted(&password)),
        };
        let events = Arc::new(Mutex::new(String::new()));
        let seen = events.clone();
        let run = Run::named("secret", move |event: &Event| {
            let text = serde_json::to_string(event).expect("an event is JSON");
            seen.lock().expect("no holder panics").push_str(&format!("{text}{event:?}"));
        });
        let config = ConnectionConfig::parse(&string, &Environment::empty()).expect("it is well formed");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (sink, options) = (Sink::Path("/nowhere/out.sql".into()), ExportOptions::default());
        let failure = runtime.block_on(export(&config, sink, &options, &run)).expect_err("nobody listens");
        let report = serde_json::to_string(&failure.to_report()).expect("a report is JSON");
        let told = format!("{failure} {failure:?} {failure:#?} {report} {}", events.lock().expect("no holder panics"));
        prop_assert!(!told.contains(MIDDLE), "{}", told);
    }
}
