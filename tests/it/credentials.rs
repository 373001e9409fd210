//! Passwords that are asked for at every login.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use pgstream::async_trait;
use pgstream::connection::{Connection, CredentialProvider, LoginRequest};
use pgstream::export::{ExportOptions, export};
use pgstream::storage::Sink;
use pgstream::sync::SyncOptions;
use pgstream::{ErrorCode, Run, TargetState};
use pgstream_tests::command::Pgstream;
use pgstream_tests::database::{TestDb, unique_name};

use crate::syncing::{config, destination, explain};

/// Gives a password, or refuses, and keeps who asked.
struct Provider {
    password: Mutex<Option<&'static str>>,
    asked: AtomicUsize,
    last: Mutex<Option<LoginRequest>>,
}

impl Provider {
    fn new(password: Option<&'static str>) -> Arc<Self> {
        Arc::new(Self { password: Mutex::new(password), asked: AtomicUsize::new(0), last: Mutex::default() })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl CredentialProvider for Provider {
    async fn password(&self, login: &LoginRequest) -> Result<String, Box<dyn Error + Send + Sync>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        *self.last.lock().expect("no holder panics") = Some(login.clone());
        self.password.lock().expect("no holder panics").map(str::to_owned).ok_or_else(|| "the vault is closed".into())
    }
}

/// A table, and the URL without a password of a role that may read it and needs one.
struct Guarded {
    db: TestDb,
    role: String,
    url: String,
}

impl Guarded {
    async fn new() -> Self {
        let (db, role) = (TestDb::new().await, unique_name());
        db.cluster().create_password_role(&role, "Sesame1", db.name());
        db.execute(&format!("create table t as select generate_series(1, 10) as a; grant select on t to {role}")).await;
        let url = db.cluster().url_as(&role, None, db.name());
        Self { db, role, url }
    }

    async fn end(self) {
        self.db.execute(&format!("drop owned by {0}; drop role {0}", self.role)).await;
    }
}

#[tokio::test]
async fn a_run_asks_for_the_password_at_every_login() {
    let source = Guarded::new().await;
    let target = TestDb::new().await;
    let provider = Provider::new(Some("Sesame1"));
    let from = config(&source.url).with_credentials(Arc::clone(&provider) as Arc<dyn CredentialProvider>);
    let to = destination(&target.url()).await;
    let mut options = SyncOptions::default();
    options.no_owner = true;
    options.no_privileges = true;
    let report = pgstream::sync::sync(&from, to, &options, &Run::new()).await;
    assert_eq!(report.unwrap_or_else(|failure| panic!("{}", explain(&failure))).rows, 10);
    assert!(provider.asked() >= 4, "asked {} times: two keepers and the readers log in", provider.asked());
    let login = provider.last.lock().unwrap().clone().expect("it was asked");
    assert_eq!((login.user, login.database), (source.role.clone(), source.db.name().to_owned()));
    source.end().await;
}

#[tokio::test]
async fn a_provider_goes_before_the_string_and_its_refusal_is_told() {
    let source = Guarded::new().await;
    let with_wrong = config(&source.url).with_password("wrong");
    let provider = Provider::new(Some("Sesame1"));
    let with_provider = with_wrong.with_credentials(Arc::clone(&provider) as _);
    Connection::open(&with_provider).await.unwrap_or_else(|e| panic!("{e}")).close().await;
    source.db.execute(&format!("alter role {} password 'Sesame2'", source.role)).await;
    assert!(Connection::open(&with_provider).await.is_err());
    *provider.password.lock().unwrap() = Some("Sesame2");
    Connection::open(&with_provider).await.unwrap_or_else(|e| panic!("{e}")).close().await;

    let refusing = config(&source.url).with_credentials(Provider::new(None));
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let to = Sink::Path(folder.path().join("out.sql"));
    let failure = export(&refusing, to, &ExportOptions::default(), &Run::new()).await.expect_err("nobody may log in");
    assert_eq!(
        (failure.code(), failure.target),
        (ErrorCode::ConnectionAuthentication, TargetState::Untouched),
        "{}",
        explain(&failure)
    );
    assert!(explain(&failure).contains("the vault is closed"), "{}", explain(&failure));
    source.end().await;
}

#[tokio::test]
async fn a_command_gives_the_password_where_nothing_else_does() {
    let source = Guarded::new().await;
    let export = |command: &str| Pgstream::new(["export", "--from", &source.url, "--to", "-", "--passcommand", command]);
    let by_name =
        "test \"$PGPORT\" -gt 0 && test \"$PGHOST\" = 127.0.0.1 && test -n \"$PGDATABASE\" && echo Sesame1 && echo \"$PGUSER\"";
    let outcome = export(by_name).run().await.expect_code(0);
    assert!(outcome.text().contains("COPY public.t") && !outcome.stderr.contains("Sesame1"), "{outcome:?}");
    let cases =
        [("echo Sesame2; exit 3", "exit status: 3"), ("true", "printed nothing"), ("echo Sesame2", "password authentication")];
    for (command, told) in cases {
        let outcome = export(command).run().await;
        assert!(outcome.code != Some(0) && outcome.stderr.contains(told), "{command}: {outcome:?}");
        assert!(!outcome.stderr.contains("Sesame2"), "{outcome:?}");
    }
    // A server that asks for none is not kept from us by a command that fails.
    Pgstream::new(["export", "--from", &source.db.url(), "--to", "-", "--passcommand", "exit 3"]).run().await.expect_code(0);
    // What the string has is not asked for.
    let whole = source.db.cluster().url_as(&source.role, Some("Sesame1"), source.db.name());
    Pgstream::new(["export", "--from", &whole, "--to", "-", "--passcommand", "exit 3"]).run().await.expect_code(0);
    source.end().await;
}
