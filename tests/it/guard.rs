//! The guard against real servers: however a protected database is reached, it is refused.

use pgstream::connection::{Connection, ConnectionConfig, Environment};
use pgstream::guard::{self, AdmitRequest, Destination, FileMemory, GuardMemory, Profiles};
use pgstream::{ErrorCode, GuardError, GuardRule};
use pgstream_tests::chaos::ChaosProxy;
use pgstream_tests::cluster::{Cluster, free_port, majors};
use pgstream_tests::database::TestDb;
use pgstream_tests::pgbouncer::Pgbouncer;
use tempfile::TempDir;

/// An operator's surroundings: variables, and a memory of their own.
struct Operator {
    environment: Environment,
    state: TempDir,
    source: Option<String>,
    confirm: Option<String>,
    accept: Vec<String>,
    globals: bool,
}

impl Operator {
    fn new() -> Self {
        let state = tempfile::tempdir().expect("a temporary folder");
        let environment = Environment::empty().with_os_user("postgres");
        Self { environment, state, source: None, confirm: None, accept: Vec::new(), globals: false }
    }

    fn with(mut self, variable: &str, value: impl Into<String>) -> Self {
        self.environment = self.environment.with(variable, value);
        self
    }

    fn production(url: impl Into<String>) -> Self {
        Self::new().with("PRODUCTION_DATABASE_URL", url)
    }

    fn profiles(&self) -> Profiles {
        Profiles::from_env(&self.environment).expect("the variables are fine")
    }

    fn memory(&self) -> FileMemory {
        FileMemory::in_directory(self.state.path())
    }

    async fn admit(&self, target: &str) -> Result<Destination, GuardError> {
        let (profiles, memory) = (self.profiles(), self.memory());
        let target = profiles.resolve(target)?;
        let source = self.source.as_deref().map(|s| profiles.resolve(s)).transpose()?;
        let request = AdmitRequest::new(&target, &profiles, &memory)
            .source(source.as_ref())
            .confirm(self.confirm.as_deref())
            .accept_unidentified(&self.accept)
            .allow_globals(self.globals);
        guard::admit(request).await
    }

    /// Asks for `target` and expects to be refused by `rule`; gives the error for a closer look.
    async fn refused(&self, target: &str, rule: GuardRule) -> GuardError {
        let error = self.admit(target).await.expect_err("it must be refused");
        assert_eq!(error.rule(), Some(rule), "{error} / {}", error.hint());
        assert_eq!(error.code(), ErrorCode::GuardRefused);
        error
    }

    async fn admitted(&self, target: &str) -> Destination {
        self.admit(target).await.unwrap_or_else(|e| panic!("{e} / {}", e.hint()))
    }
}

/// A URL where nobody listens.
fn nowhere() -> String {
    format!("postgresql://postgres@127.0.0.1:{}/postgres", free_port())
}

#[tokio::test]
async fn a_protected_profile_is_refused_by_its_name_without_being_asked() {
    let operator = Operator::production(nowhere()).with("STAGING_DATABASE_URL", nowhere());
    for name in ["production", "staging"] {
        let error = operator.refused(name, GuardRule::ProtectedProfile).await;
        assert!(error.hint().contains(&format!("--confirm {name}/postgres")), "{}", error.hint());
    }
}

#[tokio::test]
async fn a_protected_profile_is_refused_by_its_url() {
    let url = nowhere();
    let operator = Operator::production(url.replace("127.0.0.1", "localhost"));
    operator.refused(&url, GuardRule::ProtectedAddress).await;
}

#[tokio::test]
async fn production_is_refused_through_a_tunnel() {
    let db = TestDb::new().await;
    let tunnel = ChaosProxy::plain(db.cluster().address()).await;
    let operator = Operator::production(db.url());
    operator.refused(&db.url_through(tunnel.address()), GuardRule::ProtectedDatabase).await;
    let tunnelled = Operator::production(db.url_through(tunnel.address()));
    tunnelled.refused(&db.url(), GuardRule::ProtectedDatabase).await;
}

#[tokio::test]
async fn production_is_refused_through_a_socket() {
    let cluster = Cluster::private(majors()[0], &[]);
    let operator = Operator::production(cluster.url("postgres"));
    operator.refused(&cluster.socket_url("postgres"), GuardRule::ProtectedDatabase).await;
}

#[tokio::test]
async fn production_is_refused_through_a_pooler() {
    let db = TestDb::new().await;
    let other = TestDb::new().await;
    let pooler = Pgbouncer::transaction_mode(db.cluster());
    let operator = Operator::production(db.url());
    operator.refused(&db.url_through(&pooler.address()), GuardRule::ProtectedDatabase).await;
    let admitted = operator.admitted(&other.url_through(&pooler.address())).await;
    assert!(admitted.identity().is_pooled, "{admitted:?}");
}

#[tokio::test]
async fn a_pooler_that_gives_no_transactions_proves_nothing() {
    let db = TestDb::new().await;
    let pooler = Pgbouncer::start(db.cluster(), &[("pool_mode", "statement")]);
    let error = Operator::production(db.url()).admit(&db.url_through(&pooler.address())).await.expect_err("nobody can tell");
    assert_eq!(error.code(), ErrorCode::GuardUnidentified, "{error}");
}

#[tokio::test]
async fn a_replica_is_the_database_that_it_follows() {
    for major in [majors()[0], *majors().last().expect("there is one")] {
        let primary = Cluster::private(major, &[]);
        let standby = primary.standby();
        let (primary, standby) = (primary.url("postgres"), standby.url("postgres"));
        Operator::production(primary.clone()).refused(&standby, GuardRule::ProtectedDatabase).await;
        Operator::production(standby.clone()).refused(&primary, GuardRule::ProtectedDatabase).await;
        let mut reader = Operator::new();
        reader.source = Some(standby.clone());
        reader.refused(&primary, GuardRule::SourceIsTarget).await;
        Operator::new().refused(&standby, GuardRule::Standby).await;
    }
}

#[tokio::test]
async fn a_replica_that_does_not_tell_its_system_could_be_any() {
    let primary = Cluster::private(*majors().last().expect("there is one"), &[]);
    let silent = primary.create_plain_role("silent", "postgres");
    primary.admin("revoke execute on function pg_catalog.pg_control_system() from public");
    let standby = primary.standby();
    let operator = Operator::production(silent.replace(&primary.address(), &standby.address()));
    let error = operator.admit(&primary.url("postgres")).await.expect_err("nobody can tell");
    assert_eq!(error.code(), ErrorCode::GuardUnidentified, "{error}");
}

#[tokio::test]
async fn the_source_is_no_target() {
    let db = TestDb::new().await;
    let tunnel = ChaosProxy::plain(db.cluster().address()).await;
    let mut operator = Operator::new();
    operator.source = Some(db.url());
    operator.refused(&db.url(), GuardRule::SourceIsTarget).await;
    operator.refused(&db.url_through(tunnel.address()), GuardRule::SourceIsTarget).await;
}

#[tokio::test]
async fn another_database_is_refreshed_from_production_that_has_two_names() {
    let (db, other) = (TestDb::new().await, TestDb::new().await);
    let mut operator = Operator::production(db.url()).with("STAGING_DATABASE_URL", db.url());
    operator.source = Some("production".into());
    // All three comparisons run at one time, and must not take each other's locks for the target's.
    let admitted = tokio::spawn(async move { operator.admitted(&other.url()).await }).await.expect("it ends");
    assert!(admitted.holds_back_outbound(), "a raw URL is less precious than production");
}

#[tokio::test]
async fn a_damaged_memory_refuses_every_run() {
    let db = TestDb::new().await;
    let operator = Operator::new();
    std::fs::write(operator.memory().path(), "{").expect("it is written");
    let error = operator.admit(&db.url()).await.expect_err("nobody knows what is protected");
    assert_eq!(error.code(), ErrorCode::GuardMemory, "{error}");
}

#[tokio::test]
async fn a_database_made_beside_a_confirmed_one_passes_by_it_and_no_other_does() {
    let db = TestDb::new().await;
    let staged = TestDb::create(db.cluster()).await;
    let mut operator = Operator::new().with("STAGING_DATABASE_URL", db.url()).with("STAGING_ALLOW_WRITES", "true");
    operator.confirm = Some(format!("staging/{}", db.name()));
    let admitted = operator.admitted("staging").await;
    let (profiles, memory) = (operator.profiles(), operator.memory());
    let beside = profiles.resolve("staging").expect("a profile").with_database(staged.name());
    let request = AdmitRequest::new(&beside, &profiles, &memory).confirm(operator.confirm.as_deref());
    let error = guard::admit(request).await.expect_err("its name was not confirmed");
    assert_eq!(error.rule(), Some(GuardRule::ProtectedProfile), "{error}");
    let staged = guard::admit(request.beside(Some(&admitted))).await.unwrap_or_else(|e| panic!("{e} / {}", e.hint()));
    assert_eq!((staged.profile(), staged.may_write_cluster()), (Some("staging"), false));
}

#[tokio::test]
async fn what_is_not_on_this_machine_has_to_be_listed() {
    // TEST-NET-1 of RFC 5737; it is refused before anything is sent.
    let operator = Operator::new().with("DEV_DATABASE_URL", "postgres://postgres@192.0.2.1/d");
    for target in ["dev", "postgres://postgres@192.0.2.1/d", "postgres://postgres@127.0.0.1,192.0.2.1/d"] {
        let error = operator.refused(target, GuardRule::RemoteAddress).await;
        assert!(error.hint().contains("192.0.2.1:5432 to PGSTREAM_ALLOWED_TARGETS"), "{}", error.hint());
    }
}

#[tokio::test]
async fn production_that_is_down_is_remembered() {
    let (db, other) = (TestDb::new().await, TestDb::new().await);
    let mut operator = Operator::production(db.url());
    guard::test_profile(&operator.profiles(), "production", &operator.memory()).await.expect("it is up");
    operator = operator.with("PRODUCTION_DATABASE_URL", nowhere());
    let error = operator.refused(&db.url(), GuardRule::RememberedDatabase).await;
    assert!(error.hint().contains("pgstream profiles forget production"), "{}", error.hint());
    assert!(!operator.admitted(&other.url()).await.may_write_cluster());

    operator.memory().forget("production").await.expect("it is written");
    let error = operator.admit(&db.url()).await.expect_err("it was never identified");
    assert_eq!(error.code(), ErrorCode::GuardUnidentified, "{error}");
    operator.accept = vec!["production".into()];
    operator.admitted(&db.url()).await;
}

#[tokio::test]
async fn production_is_remembered_by_a_run_that_was_admitted_and_without_its_variable() {
    let (db, other) = (TestDb::new().await, TestDb::new().await);
    let mut operator = Operator::production(db.url());
    operator.admitted(&other.url()).await;
    operator.environment = operator.environment.without("PRODUCTION_DATABASE_URL");
    operator.refused(&db.url(), GuardRule::RememberedDatabase).await;
}

#[tokio::test]
async fn a_hosting_service_behind_a_tunnel_counts_as_remote() {
    let cluster = Cluster::private(*majors().last().expect("there is one"), &[]);
    let url = cluster.url("postgres");
    Operator::new().admitted(&url).await;
    cluster.admin("create role rdsadmin");
    Operator::new().refused(&url, GuardRule::HostedService).await;
    Operator::new().with("PGSTREAM_ALLOWED_TARGETS", "127.0.0.1").refused(&url, GuardRule::HostedService).await;
    Operator::new().with("PGSTREAM_ALLOWED_TARGETS", cluster.address()).admitted(&url).await;
}

#[tokio::test]
async fn a_physical_clone_is_admitted_and_said() {
    let production = Cluster::private(*majors().last().expect("there is one"), &[]);
    let clone = production.clone_cold();
    let operator = Operator::production(production.url("postgres"));
    let admitted = operator.admitted(&clone.url("postgres")).await;
    assert!(admitted.notes().iter().any(|n| n.contains("physical clone")), "{:?}", admitted.notes());
    assert!(admitted.may_write_cluster(), "a clone is a cluster of its own");
    // Without the original there is nothing that could tell them apart.
    production.stop();
    operator.refused(&clone.url("postgres"), GuardRule::RememberedDatabase).await;
}

#[tokio::test]
async fn another_database_of_a_protected_cluster_is_admitted_without_the_cluster() {
    let (db, other) = (TestDb::new().await, TestDb::new().await);
    let mut operator = Operator::production(db.url());
    let admitted = operator.admitted(&other.url()).await;
    assert!(!admitted.may_write_cluster());
    assert!(admitted.notes().iter().any(|n| n.contains("another database")), "{:?}", admitted.notes());
    operator.globals = true;
    operator.refused(&other.url(), GuardRule::ProtectedCluster).await;
}

#[tokio::test]
async fn a_database_can_say_itself_that_it_is_protected() {
    let cluster = Cluster::private(majors()[0], &[]);
    let url = cluster.url("postgres");
    let marks = [
        ("comment on database postgres is E'ours\\npgstream.class=production'", "comment on database postgres is null"),
        ("alter database postgres set pgstream.class = 'staging'", "alter database postgres reset pgstream.class"),
    ];
    for (mark, unmark) in marks {
        cluster.admin(mark);
        Operator::new().refused(&url, GuardRule::MarkedDatabase).await;
        // Its neighbours may be written to, but not what they share with it.
        assert!(!Operator::new().admitted(&cluster.url("template1")).await.may_write_cluster(), "{mark}");
        cluster.admin(unmark);
        assert!(Operator::new().admitted(&url).await.may_write_cluster(), "{unmark}");
    }
}

#[tokio::test]
async fn an_allowed_and_confirmed_profile_is_admitted_under_every_name() {
    let db = TestDb::new().await;
    let tunnel = ChaosProxy::plain(db.cluster().address()).await;
    let mut operator = Operator::new().with("STAGING_DATABASE_URL", db.url());
    operator.confirm = Some(format!("staging/{}", db.name()));
    operator.refused("staging", GuardRule::ProtectedProfile).await;
    operator = operator.with("PGSTREAM_PROFILE_STAGING_ALLOW_WRITES", "true");
    for target in ["staging", &db.url(), &db.url_through(tunnel.address())] {
        assert!(!operator.admitted(target).await.may_write_cluster(), "{target}");
    }
    // What is confirmed for one profile opens no other that turns out to be the same database.
    operator = operator.with("PRODUCTION_DATABASE_URL", db.url_through(tunnel.address()));
    operator.refused("staging", GuardRule::ProtectedDatabase).await;
}

#[tokio::test]
async fn a_user_without_rights_is_protected_by_the_lock_alone() {
    for cluster in Cluster::all() {
        let db = TestDb::create(&cluster).await;
        let role = format!("plain_{}", db.name());
        let url = cluster.create_plain_role(&role, db.name());
        db.execute("revoke execute on function pg_catalog.pg_control_system() from public").await;
        let tunnel = ChaosProxy::plain(cluster.address()).await;
        let tunnelled = url.replace(&cluster.address(), tunnel.address());
        let error = Operator::production(url.clone()).refused(&tunnelled, GuardRule::ProtectedDatabase).await;
        assert!(error.to_string().contains("of system unknown"), "{error}");
        let other = TestDb::create(&cluster).await;
        let admitted = Operator::production(url.clone()).admitted(&other.url()).await;
        assert!(!admitted.may_write_cluster(), "nobody can tell that production is not in this cluster: {admitted:?}");
        drop(db);
        cluster.admin(&format!("drop role \"{role}\""));
    }
}

#[tokio::test]
async fn every_writing_session_has_to_be_in_the_admitted_database() {
    let (db, other) = (TestDb::new().await, TestDb::new().await);
    let destination = Operator::new().admitted(&db.url()).await;
    let open = async |url: &str| {
        let config = ConnectionConfig::parse(url, &Environment::empty()).expect("a URL");
        Connection::open(&config).await.expect("it is up")
    };
    destination.verify_session(&open(&db.url()).await).await.expect("it is the one");
    let error = destination.verify_session(&open(&other.url()).await).await.expect_err("it is another one");
    assert_eq!(error.rule(), Some(GuardRule::OtherDatabase), "{error}");
}

#[tokio::test]
async fn production_stays_refused_when_its_url_makes_it_look_like_a_local_database() {
    let db = TestDb::new().await;
    let class = "PGSTREAM_PROFILE_SHOP_CLASS";
    let mut operator = Operator::new().with("PGSTREAM_PROFILE_SHOP_URL", db.url()).with(class, "production");
    guard::test_profile(&operator.profiles(), "shop", &operator.memory()).await.expect("it is up");
    operator.environment = operator.environment.without(class);
    operator.refused("shop", GuardRule::RememberedDatabase).await;
    operator.refused(&db.url(), GuardRule::RememberedDatabase).await;
}
