use std::fs;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;

use super::*;

fn percent(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn password_of(config: &ConnectionConfig) -> Option<&str> {
    config.endpoints[0].password.as_ref().map(Secret::reveal)
}

/// Everything that a config can be made to show.
fn shown(config: &ConnectionConfig) -> String {
    format!("{config} {config:?} {config:#?} {} {:?} {:?}", config.to_conninfo_redacted(), config.warnings(), config.endpoints())
}

fn parse(text: &str) -> ConnectionConfig {
    ConnectionConfig::parse(text, &Environment::empty()).expect(text)
}

/// Text without zero bytes, which no form can carry, long enough not to appear by chance.
fn odd_text() -> impl Strategy<Value = String> {
    "[^\0]{1,30}"
}

proptest! {
    #[test]
    fn both_forms_carry_any_text(user in odd_text(), password in odd_text(), database in odd_text()) {
        let url = format!("postgres://{}:{}@h/{}", percent(&user), percent(&password), percent(&database));
        let string = format!("host=h user={} password = {} dbname={}", quote(&user), quote(&password), quote(&database));
        for text in [url, string] {
            let config = parse(&text);
            prop_assert_eq!((config.user(), config.database()), (user.as_str(), database.as_str()));
            prop_assert_eq!(password_of(&config), Some(password.as_str()));
            let again = parse(&config.to_conninfo_redacted());
            prop_assert_eq!(again.to_string(), config.to_string());
        }
    }

    #[test]
    fn a_password_is_never_shown(secret in "[ -~]{0,8}Zq7Zq7[ -~]{0,8}") {
        let env = Environment::empty().with("PGPASSWORD", secret.as_str());
        let configs = [
            parse(&format!("postgres://u:{}@h/d", percent(&secret))),
            parse(&format!("host=h user=u password={}", quote(&secret))),
            parse("postgres://u@h/d").with_password(&secret),
            ConnectionConfig::parse("user=u", &env).expect("valid"),
        ];
        for config in configs {
            prop_assert_eq!(password_of(&config), Some(secret.as_str()));
            prop_assert!(!shown(&config).contains("Zq7"), "{}", shown(&config));
        }
        let shown = format!("{:?}", env);
        prop_assert!(!shown.contains("Zq7"), "{}", shown);
    }

    /// Whatever a password without quotes or percent signs is taken for, no piece of it is repeated.
    #[test]
    fn a_password_that_was_not_encoded_is_never_shown(
        start in "[a-z0-9@/:?#&=%,]{0,6}",
        end in "[a-z0-9@/:?#&=%, ]{0,6}",
        form in 0..3,
    ) {
        let secret = format!("{start}zq7zq7{end}");
        let text = match form {
            0 => format!("postgres://u:{secret}@h:1/d?sslmode=disable"),
            1 => format!("user=u password={secret} host=h"),
            _ => format!("postgresql://u:{secret}@h,i:2/d"),
        };
        match ConnectionConfig::parse(&text, &Environment::empty()) {
            Ok(config) => prop_assert!(!shown(&config).contains("zq7"), "{} -> {}", text, shown(&config)),
            Err(e) => prop_assert!(!format!("{} {:?}", e, e).contains("zq7"), "{} -> {}", text, e),
        }
    }

    #[test]
    fn any_text_is_understood_or_refused(text in "\\PC{0,60}") {
        let _ = ConnectionConfig::parse(&text, &Environment::empty());
        let _ = ConnectionConfig::parse(&format!("postgres://{text}"), &Environment::empty());
    }
}

#[test]
fn the_string_wins_over_the_service_and_that_over_the_environment() {
    let home = tempfile::tempdir().expect("a directory");
    fs::write(home.path().join(".pg_service.conf"), "[s]\nhost=service\nport=1\nuser=service\n").expect("written");
    let env = Environment::empty()
        .with("HOME", home.path().to_string_lossy())
        .with("PGHOST", "env")
        .with("PGPORT", "2")
        .with("PGUSER", "env")
        .with("PGDATABASE", "env")
        .with("PGSERVICE", "s");
    let config = ConnectionConfig::parse("host=string", &env).expect("valid");
    assert_eq!(config.to_string(), "service@string:1/env");
}

#[test]
fn a_password_file_that_others_can_read_is_a_warning_and_no_password() {
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join(".pgpass");
    fs::write(&file, "*:*:*:*:hidden\n").expect("written");
    let env = Environment::empty().with("HOME", home.path().to_string_lossy());
    for (mode, password, warnings) in [(0o640, None, 1), (0o600, Some("hidden"), 0)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("changed");
        let config = ConnectionConfig::parse("user=u", &env).expect("valid");
        assert_eq!((password_of(&config), config.warnings().len()), (password, warnings), "{mode:o}");
    }
}

#[test]
fn localhost_in_the_password_file_is_the_default_socket_too() {
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join(".pgpass");
    fs::write(&file, "localhost:*:*:*:hidden\n").expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("changed");
    let env = Environment::empty().with("HOME", home.path().to_string_lossy()).with_socket_directory("/run/pg");
    for (text, password) in [("user=u", Some("hidden")), ("user=u host=/run/pg", Some("hidden")), ("user=u host=/run", None)] {
        let config = ConnectionConfig::parse(text, &env).expect("valid");
        assert_eq!(password_of(&config), password, "{text}");
    }
}

#[test]
fn parameters_of_other_programs_are_accepted_with_a_warning() {
    let config = parse("postgres://u@h/d?pgbouncer=true&connection_limit=1&schema=public&supa=base-pooler.x");
    assert!(config.is_pooled_hint());
    assert_eq!(config.warnings().len(), 4, "{:?}", config.warnings());
}

#[test]
fn what_would_be_unsafe_to_ignore_is_refused() {
    for text in [
        "sslcrl=x",
        "gssencmode=require",
        "replication=database",
        "require_auth=magic",
        "require_auth=md5,!none",
        "ssl_max_protocol_version=TLSv1.1",
        "ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2",
        "sslrootcert=system sslmode=require",
        "sslnegotiation=direct",
        "scram_client_key=abc",
        "min_protocol_version=3.2",
        "host=@abstract",
    ] {
        let error = ConnectionConfig::parse(&format!("user=u {text}"), &Environment::empty()).expect_err(text);
        assert!(matches!(error, ConnectionError::Parse { .. }), "{text}: {error}");
    }
}

#[test]
fn the_time_limit_of_tcp_is_in_milliseconds() {
    let config = parse("user=u tcp_user_timeout=1500 keepalives_idle=7 connect_timeout=0");
    assert_eq!(config.socket.user_timeout, Some(Duration::from_millis(1500)));
    assert_eq!(config.socket.idle, Some(Duration::from_secs(7)));
    assert_eq!(config.connect_timeout, None);
}

#[test]
fn the_default_for_trusted_certificates_decides_the_mode() {
    let mode = |text| parse(text).tls.mode;
    assert_eq!(mode("user=u"), SslMode::Prefer);
    assert_eq!(mode("user=u sslrootcert=system"), SslMode::VerifyFull);
    assert_eq!(mode("postgres://u@h?ssl=true"), SslMode::Require);
}

#[test]
fn a_list_of_hosts_is_kept_in_order() {
    let config = parse("postgres://u@a:1,[::1],/d");
    assert_eq!(config.to_string(), "u@a:1,[::1]:5432,/tmp:5432/d");
}
