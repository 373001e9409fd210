//! The one list of connection parameters: libpq's of 13 to 18, and those that other programs put into URLs.
//!
//! Source: PostgreSQL manual, "Database Connection Control Functions", "Environment Variables".

/// What we do with a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Support {
    /// It means what it means to libpq.
    Used,
    /// Accepted; it changes nothing here.
    NoEffect,
    /// Refused if it is set to anything but the empty string, because to ignore it would be unsafe or misleading.
    Refused(&'static str),
}

/// A parameter of libpq.
#[derive(Debug)]
pub(crate) struct Keyword {
    pub(crate) name: &'static str,
    /// The variable that gives its default.
    pub(crate) env: Option<&'static str>,
    pub(crate) support: Support,
}

const fn used(name: &'static str, env: &'static str) -> Keyword {
    Keyword { name, env: Some(env), support: Support::Used }
}

const fn bare(name: &'static str) -> Keyword {
    Keyword { name, env: None, support: Support::Used }
}

const fn no_effect(name: &'static str, env: &'static str) -> Keyword {
    Keyword { name, env: Some(env), support: Support::NoEffect }
}

const fn refused(name: &'static str, env: Option<&'static str>, why: &'static str) -> Keyword {
    Keyword { name, env, support: Support::Refused(why) }
}

const NO_CRL: &str = "revocation lists are not read; leave it out, or end TLS in a proxy that reads them";
const NO_SCRAM_KEYS: &str = "SCRAM keys are not supported; give the password";
const NO_OAUTH: &str = "OAuth is not supported; use a password or a certificate";

pub(crate) const KEYWORDS: &[Keyword] = &[
    used("service", "PGSERVICE"),
    used("servicefile", "PGSERVICEFILE"),
    used("user", "PGUSER"),
    used("password", "PGPASSWORD"),
    used("passfile", "PGPASSFILE"),
    used("dbname", "PGDATABASE"),
    used("host", "PGHOST"),
    used("hostaddr", "PGHOSTADDR"),
    used("port", "PGPORT"),
    used("options", "PGOPTIONS"),
    used("application_name", "PGAPPNAME"),
    bare("fallback_application_name"),
    used("client_encoding", "PGCLIENTENCODING"),
    used("connect_timeout", "PGCONNECT_TIMEOUT"),
    bare("tcp_user_timeout"),
    bare("keepalives"),
    bare("keepalives_idle"),
    bare("keepalives_interval"),
    bare("keepalives_count"),
    used("sslmode", "PGSSLMODE"),
    used("sslnegotiation", "PGSSLNEGOTIATION"),
    no_effect("sslcompression", "PGSSLCOMPRESSION"),
    used("sslcert", "PGSSLCERT"),
    used("sslkey", "PGSSLKEY"),
    used("sslcertmode", "PGSSLCERTMODE"),
    bare("sslpassword"),
    used("sslrootcert", "PGSSLROOTCERT"),
    refused("sslcrl", Some("PGSSLCRL"), NO_CRL),
    refused("sslcrldir", Some("PGSSLCRLDIR"), NO_CRL),
    used("sslsni", "PGSSLSNI"),
    used("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    used("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    refused("sslkeylogfile", None, "the keys of a connection are never written to a file"),
    used("channel_binding", "PGCHANNELBINDING"),
    used("require_auth", "PGREQUIREAUTH"),
    used("requirepeer", "PGREQUIREPEER"),
    used("min_protocol_version", "PGMINPROTOCOLVERSION"),
    used("max_protocol_version", "PGMAXPROTOCOLVERSION"),
    used("gssencmode", "PGGSSENCMODE"),
    no_effect("krbsrvname", "PGKRBSRVNAME"),
    no_effect("gsslib", "PGGSSLIB"),
    used("gssdelegation", "PGGSSDELEGATION"),
    bare("replication"),
    used("target_session_attrs", "PGTARGETSESSIONATTRS"),
    used("load_balance_hosts", "PGLOADBALANCEHOSTS"),
    refused("scram_client_key", None, NO_SCRAM_KEYS),
    refused("scram_server_key", None, NO_SCRAM_KEYS),
    refused("oauth_issuer", None, NO_OAUTH),
    refused("oauth_client_id", None, NO_OAUTH),
    refused("oauth_client_secret", None, NO_OAUTH),
    refused("oauth_scope", None, NO_OAUTH),
    // Gone since 14; older programs still write them.
    no_effect("authtype", "PGAUTHTYPE"),
    no_effect("tty", "PGTTY"),
];

/// Parameters of other programs that change nothing for a tool like ours. Accepted with a warning.
const FOREIGN: &[&str] = &[
    "pgbouncer",
    "schema",
    "currentSchema",
    "connection_limit",
    "pool_timeout",
    "pool_size",
    "pool_max",
    "pool_min",
    "max_connections",
    "min_connections",
    "socket_timeout",
    "single_use_connections",
    "max_idle_connection_lifetime",
    "max_connection_lifetime",
    "statement_cache_size",
    "statement-cache-capacity",
    "prepared_statements",
    "prepareThreshold",
    "binary_parameters",
    "default_query_exec_mode",
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "search_path",
    "timezone",
    "uselibpqcompat",
    "supa",
    "workaround",
    "sslaccept",
    "sslidentity",
    "reWriteBatchedInserts",
    "ApplicationName",
    "loginTimeout",
    "socketTimeout",
    "tcpKeepAlive",
];

/// The keyword of libpq with that name.
pub(crate) fn find(name: &str) -> Option<&'static Keyword> {
    KEYWORDS.iter().find(|k| k.name == name)
}

/// The known parameter of another program with that name.
pub(crate) fn foreign(name: &str) -> Option<&'static str> {
    FOREIGN.iter().copied().find(|k| *k == name)
}

/// The keyword that somebody who wrote `name` may have meant.
pub(crate) fn closest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let alias = match name.as_str() {
        "database" | "db" => Some("dbname"),
        "username" => Some("user"),
        "hostname" | "server" => Some("host"),
        "pass" | "pwd" => Some("password"),
        "timeout" => Some("connect_timeout"),
        "ssl" => Some("sslmode"),
        _ => None,
    };
    alias.or_else(|| {
        let (best, distance) = KEYWORDS.iter().map(|k| (k.name, edit_distance(&name, k.name))).min_by_key(|(_, d)| *d)?;
        (distance <= 2 && distance < best.len().min(name.len())).then_some(best)
    })
}

/// How many letters have to be added, removed or changed to make `a` into `b`.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_the_word_that_was_meant() {
        for (typed, meant) in [("hoost", Some("host")), ("database", Some("dbname")), ("sslmod", Some("sslmode")), ("zzz", None)]
        {
            assert_eq!(closest(typed), meant, "{typed}");
        }
    }
}
