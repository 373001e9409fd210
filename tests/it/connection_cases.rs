//! Connection strings, environments and files around them: we connect to what psql connects to, or both refuse.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use futures_util::StreamExt;
use pgstream::connection::{Connection, ConnectionConfig, Environment};
use pgstream_tests::cluster::{Cluster, free_port, majors};
use pgstream_tests::database::fixtures;
use pgstream_tests::servers;
use tokio::process::Command;

const QUESTION: &str = "select current_user, current_database(), inet_server_addr() is null, inet_server_port(), \
    current_setting('work_mem'), replace(replace(current_setting('application_name'), 'psql', ''), 'pgstream', '')";

/// Its characters mean something in URLs, conninfo strings, password files and SQL.
const PASSWORD: &str = r"p@ss w/'\:%e";

/// A paragraph of `tests/fixtures/connection_cases.txt`: the values of each key, in order.
struct Case(BTreeMap<String, Vec<String>>);

impl Case {
    fn parse(paragraph: &str, places: &[(&str, String)]) -> Self {
        let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in paragraph.lines().filter(|line| !line.starts_with('#')) {
            let (key, value) = line.split_once(':').unwrap_or_else(|| panic!("key: value, in {line}"));
            let value = places.iter().fold(value.trim().to_owned(), |value, (place, text)| value.replace(place, text));
            fields.entry(key.to_owned()).or_default().push(value);
        }
        Self(fields)
    }

    fn all(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    fn one(&self, key: &str) -> &str {
        self.all(key).first().map_or("", String::as_str)
    }

    /// Writes the files that the case has into a home folder.
    fn furnish(&self, home: &Path) {
        let write = |name: &str, lines: &[String], mode: u32| {
            let path = home.join(name);
            std::fs::write(&path, lines.join("\n") + "\n").expect("it can be written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
        };
        if !self.all("pgpass").is_empty() {
            let mode = self.one("pgpass-mode");
            let mode = if mode.is_empty() { 0o600 } else { u32::from_str_radix(mode, 8).expect("an octal number") };
            write(".pgpass", self.all("pgpass"), mode);
        }
        if !self.all("service").is_empty() {
            write(".pg_service.conf", self.all("service"), 0o644);
        }
    }

    fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all("env").iter().map(|variable| variable.split_once('=').expect("NAME=value"))
    }

    /// What psql is answered, or what it says.
    async fn ask_psql(&self, program: &Path, home: &Path) -> Result<String, String> {
        let mut psql = Command::new(program);
        psql.env_clear().env("HOME", home).env("LC_ALL", "C").envs(self.variables());
        psql.args(["-X", "-w", "-A", "-t", "-c", QUESTION, self.one("string")]);
        let output = psql.output().await.expect("psql starts");
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    async fn ask_us(&self, home: &Path) -> Result<String, String> {
        let environment = Environment::empty().with("HOME", home.to_string_lossy()).with_os_user("nobody");
        let environment = self.variables().fold(environment, |environment, (name, value)| environment.with(name, value));
        let config = ConnectionConfig::parse(self.one("string"), &environment).map_err(|e| e.to_string())?;
        let connection = Connection::open(&config).await.map_err(|e| e.to_string())?;
        let rows = connection.simple_query(QUESTION).await.map_err(|e| e.to_string())?;
        connection.close().await;
        Ok(rows[0].iter().map(|value| value.clone().unwrap_or_default()).collect::<Vec<_>>().join("|"))
    }

    /// What is wrong, if anything is.
    async fn judge(&self, psql: &Path) -> Option<String> {
        let home = tempfile::tempdir().expect("there is room for a folder");
        let at_home = Self(self.0.iter().map(|(key, values)| (key.clone(), in_home(values, home.path()))).collect());
        at_home.furnish(home.path());
        let (psql, us) = tokio::join!(at_home.ask_psql(psql, home.path()), at_home.ask_us(home.path()));
        let is_right = match self.one("expect") {
            "refused" => psql.is_err() && us.is_err(),
            "" | "same" => psql.is_ok() && psql == us,
            other => panic!("expect: {other}"),
        };
        (!is_right).then(|| format!("{}: psql {psql:?}, pgstream {us:?}", self.one("case")))
    }
}

fn in_home(values: &[String], home: &Path) -> Vec<String> {
    values.iter().map(|value| value.replace("{home}", &home.to_string_lossy())).collect()
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The server that the cases speak of.
fn server() -> Cluster {
    let cluster = Cluster::private(majors().pop().expect("a server"), &[]);
    cluster.admin(&format!("create role case_user login password E'{}'", PASSWORD.replace('\\', r"\\").replace('\'', r"\'")));
    cluster.admin("create role case_trust login");
    cluster.admin("create database case_db");
    cluster.admin("create database case_user");
    cluster.prepend_hba("local all case_user scram-sha-256\nhost all case_user 127.0.0.1/32 scram-sha-256");
    cluster
}

#[tokio::test]
async fn every_case_connects_where_psql_connects_or_is_refused_as_there() {
    let cluster = server();
    let sockets = cluster.folder().to_string_lossy().into_owned();
    let places = [
        ("{port}", cluster.port().to_string()),
        ("{closed}", free_port().to_string()),
        ("{sockets}", sockets.clone()),
        ("{sockets%}", percent_encoded(&sockets)),
    ];
    let text = std::fs::read_to_string(fixtures().join("connection_cases.txt")).expect("the cases are there");
    let paragraphs = text.split("\n\n").filter(|paragraph| paragraph.lines().any(|line| line.starts_with("case:")));
    let cases: Vec<Case> = paragraphs.map(|paragraph| Case::parse(paragraph, &places)).collect();
    assert!(cases.len() > 60, "{} cases", cases.len());
    let psql = servers::client_program("psql");
    // Those that are refused wait in between, in case a server is only starting.
    let judged = futures_util::stream::iter(&cases).map(|case| case.judge(&psql)).buffer_unordered(8);
    let problems: Vec<String> = judged.filter_map(|problem| async move { problem }).collect().await;
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}
