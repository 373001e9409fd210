//! The job service, as a process: what it answers, what it refuses, how it starts and ends.

use std::collections::BTreeMap;

use pgstream_tests::command::{Outcome, Pgstream, Running, binary};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

fn server() -> Pgstream {
    Pgstream::program(&binary("pgstream-server", "pgstream-server"), [] as [&str; 0]).env("PORT", "0")
}

/// A service that listens.
struct Service {
    running: Running,
    address: String,
}

impl Service {
    async fn start(call: Pgstream) -> Self {
        let mut running = call.spawn().await;
        let stdout = running.child().stdout.take().expect("standard output is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await.expect("its output can be read");
        let Some(address) = line.trim().strip_prefix("listening on http://") else {
            panic!("{line:?}: {}", running.wait().await.stderr);
        };
        Self { running, address: address.to_owned() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nhost: {}", self.address)).await
    }

    /// Sends a request's first lines, and reads the answer to its end.
    async fn ask(&self, head: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).await.expect("it listens");
        stream.write_all(format!("{head}\r\nconnection: close\r\n\r\n").as_bytes()).await.expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("it answers");
        Answer::parse(&text)
    }

    async fn stop(self, signal: &str) -> Outcome {
        self.running.signal(signal).await;
        self.running.wait().await
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Answer {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
        let headers = lines.filter_map(|line| line.split_once(": ")).map(|(k, v)| (k.to_lowercase(), v.to_owned())).collect();
        Self { status: status.parse().expect("a number"), headers, body: body.to_owned() }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Status, content type and code of an error.
    fn problem(&self) -> (u16, &str, String) {
        (self.status, self.header("content-type"), self.json()["code"].as_str().unwrap_or_default().to_owned())
    }
}

const PROBLEM: &str = "application/problem+json";

#[tokio::test]
async fn a_service_without_variables_is_alive_and_has_no_profiles() {
    let service = Service::start(server()).await;
    let alive = service.get("/healthz").await;
    assert_eq!((alive.status, &alive.json()["status"]), (200, &json!("ok")));
    assert_eq!((alive.header("cache-control"), alive.header("x-content-type-options")), ("no-store", "nosniff"));
    let profiles = service.get("/api/profiles").await;
    assert_eq!((profiles.status, profiles.json()), (200, json!({"items": [], "next": null})));
}

#[tokio::test]
async fn profiles_are_names_and_classes_and_never_urls() {
    let call = server()
        .env("PRODUCTION_DATABASE_URL", "postgres://alice:s3cret@db.example.org:6000/shop")
        .env("PGSTREAM_PROFILE_SCRATCH_URL", "postgres://bob:hush@127.0.0.1/scratch");
    let dot_env = "STAGING_DATABASE_URL=postgres://carol:psst@stage.example.org/shop\n";
    std::fs::write(call.home().join(".env"), dot_env).expect("the home folder is ours");
    let service = Service::start(call).await;
    let answer = service.get("/api/profiles").await;
    let expected = json!({"next": null, "items": [
        {"name": "production", "class": "production"},
        {"name": "scratch", "class": "dev"},
        {"name": "staging", "class": "staging"},
    ]});
    assert_eq!(answer.json(), expected);
    for secret in ["s3cret", "hush", "psst", "example.org", "alice"] {
        assert!(!answer.body.contains(secret), "{secret}: {}", answer.body);
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_as_a_problem() {
    let service = Service::start(server()).await;
    for path in ["/", "/api", "/api/profiles/", "/api/jobs", "/healthz/x"] {
        assert_eq!(service.get(path).await.problem(), (404, PROBLEM, "not_found".to_owned()), "{path}");
    }
    let post = service.ask(&format!("POST /api/profiles HTTP/1.1\r\ncontent-length: 0\r\nhost: {}", service.address)).await;
    assert_eq!(post.problem(), (405, PROBLEM, "method_not_allowed".to_owned()));
    assert_eq!(post.header("allow"), "GET,HEAD");
    assert!(post.json()["hint"].as_str().is_some_and(|hint| !hint.is_empty()));
}

#[tokio::test]
async fn a_page_that_names_us_otherwise_gets_nothing() {
    let service = Service::start(server().env("LOCAL_DATABASE_URL", "postgres://127.0.0.1/shop")).await;
    for host in ["evil.example", "localhost.evil.example", "192.0.2.1"] {
        for path in ["/api/profiles", "/healthz", "/nothing"] {
            let answer = service.ask(&format!("GET {path} HTTP/1.1\r\nhost: {host}")).await;
            assert_eq!(answer.problem(), (403, PROBLEM, "host_not_allowed".to_owned()), "{host} {path}");
        }
    }
    for host in ["localhost", "127.0.0.1:1", "[::1]:80"] {
        assert_eq!(service.ask(&format!("GET /api/profiles HTTP/1.1\r\nhost: {host}")).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn with_a_key_everything_but_the_health_needs_it() {
    let service = Service::start(server().env("API_KEY", "k3y").env("BIND", "127.0.0.1")).await;
    let ask = async |path: &str, key: &str| service.ask(&format!("GET {path} HTTP/1.1\r\nhost: db.example{key}")).await;
    assert_eq!(ask("/healthz", "").await.status, 200);
    for key in ["", "\r\nauthorization: Bearer k3", "\r\nauthorization: Basic k3y", "\r\nauthorization: k3y"] {
        for path in ["/api/profiles", "/nothing"] {
            let answer = ask(path, key).await;
            assert_eq!(answer.problem(), (401, PROBLEM, "unauthorized".to_owned()), "{key} {path}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    assert_eq!(ask("/api/profiles", "\r\nauthorization: Bearer k3y").await.status, 200);
    assert_eq!(ask("/nothing", "\r\nauthorization: Bearer k3y").await.status, 404);
}

#[tokio::test]
async fn it_does_not_start_open_to_the_network_or_half_configured() {
    let cases: [(&[(&str, &str)], &str); 6] = [
        (&[("BIND", "0.0.0.0")], "API_KEY"),
        (&[("BIND", "::")], "API_KEY"),
        (&[("APP_ENV", "production")], "APP_ENV"),
        (&[("NODE_ENV", "production")], "NODE_ENV"),
        (&[("PORT", "many")], "PORT"),
        (&[("PRODUCTION_DATABASE_URL", "postgres://h/d"), ("PRODUCTION_ALLOW_WRITES", "perhaps")], "ALLOW_WRITES"),
    ];
    for (variables, named) in cases {
        let call = variables.iter().fold(server(), |call, (name, value)| call.env(name, value));
        let outcome = call.run().await.expect_code(2);
        assert!(outcome.stderr.contains(named) && outcome.stderr.contains("hint:"), "{variables:?}: {}", outcome.stderr);
        assert_eq!(outcome.text(), "", "{variables:?}: it never listened");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let outcome = server().env("PORT", &port).run().await.expect_code(1);
    assert!(outcome.stderr.contains(&format!("could not listen on 127.0.0.1:{port}")), "{}", outcome.stderr);
}

#[tokio::test]
async fn a_signal_ends_it_after_the_request_that_is_under_way() {
    for signal in ["TERM", "INT"] {
        let service = Service::start(server()).await;
        // The answer to the first request shows that this connection is being served; the second one is half there.
        let mut stream = TcpStream::connect(&service.address).await.expect("it listens");
        let request = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n", service.address);
        stream.write_all(format!("{request}\r\n{request}").as_bytes()).await.expect("it reads");
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await.expect("it answers");
        let outcome = tokio::spawn(service.stop(signal));
        stream.write_all(b"connection: close\r\n\r\n").await.expect("it reads");
        let mut rest = String::new();
        // A connection may be closed between two requests; what was begun to be answered came to its end.
        stream.read_to_string(&mut rest).await.expect("it ends in order");
        assert!(line.contains("200") && rest.contains(r#""status":"ok""#), "{signal}: {line}{rest}");
        outcome.await.expect("it is waited for").expect_code(0);
    }
}

#[tokio::test]
async fn help_and_version_are_told_and_other_words_refused() {
    let run = async |words: &[&str]| Pgstream::program(&binary("pgstream-server", "pgstream-server"), words).run().await;
    assert!(run(&["--help"]).await.expect_code(0).text().contains("API_KEY"));
    assert!(run(&["--version"]).await.expect_code(0).text().starts_with("pgstream-server "));
    assert!(run(&["--port", "1"]).await.expect_code(2).stderr.contains("usage:"));
}
