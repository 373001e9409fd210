//! The settings that every session which reads a source pins inside its transaction.
//!
//! They make the text of every value, and the text that the server deparses, the same on each session and each day, keep
//! limits that an administrator set for other work away from the run, and keep objects of users from capturing names.
//! `SET LOCAL`, since a pooler may hand a session's own settings to somebody else. None of it takes a snapshot.

use super::server_version::ServerVersion;

/// Settings for every server.
const ALWAYS: &str = "SET LOCAL search_path = ''; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; \
    SET LOCAL IntervalStyle = 'postgres'; SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = 'hex'; \
    SET LOCAL lc_monetary = 'C'; SET LOCAL xmlbinary = 'base64'; SET LOCAL xmloption = 'content'; \
    SET LOCAL quote_all_identifiers = off; SET LOCAL row_security = off; SET LOCAL synchronize_seqscans = off; \
    SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
    SET LOCAL idle_in_transaction_session_timeout = 0; ";

/// Each major's first release that knows `restrict_nonsystem_relation_kind`, which keeps a table that was swapped for a view
/// from running its owner's code with our rights. Source: CVE-2024-7348.
const RESTRICTED_SINCE: [u32; 5] = [13_0016, 14_0013, 15_0008, 16_0004, 17_0000];

/// The statements that pin everything, for the transaction that the session is in.
///
/// `is_sql_ascii`: the database has no encoding; its bytes travel as they are.
pub(crate) fn pin_settings(version: ServerVersion, is_sql_ascii: bool) -> String {
    let mut sql = String::from(ALWAYS);
    sql.push_str(match is_sql_ascii {
        true => "SET LOCAL client_encoding = 'SQL_ASCII'; ",
        false => "SET LOCAL client_encoding = 'UTF8'; ",
    });
    if version.has_idle_session_timeout() {
        sql.push_str("SET LOCAL idle_session_timeout = 0; ");
    }
    if version.has_transaction_timeout() {
        sql.push_str("SET LOCAL transaction_timeout = 0; ");
    }
    if restricts_relation_kinds(version) {
        sql.push_str("SET LOCAL restrict_nonsystem_relation_kind = 'view, foreign-table'; ");
    }
    sql
}

fn restricts_relation_kinds(version: ServerVersion) -> bool {
    match RESTRICTED_SINCE.iter().find(|since| *since / 10_000 == version.major()) {
        Some(since) => version.number() >= *since,
        None => version.major() >= 18,
    }
}

/// A query whose one value is the number of time limits that still apply: it must be `0` behind [`pin_settings`].
pub(crate) const COUNT_LIMITS: &str = "SELECT count(*) FROM unnest(ARRAY['statement_timeout', 'lock_timeout', \
    'idle_in_transaction_session_timeout', 'transaction_timeout', 'idle_session_timeout']) AS limits(name) \
    WHERE coalesce(pg_catalog.current_setting(name, true), '0') NOT IN ('0', '')";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_pinned_only_where_the_server_knows_it() {
        for (number, restricts, limits_transactions) in [
            (13_0015, false, false),
            (13_0016, true, false),
            (15_0007, false, false),
            (17_0000, true, true),
            (18_0001, true, true),
        ] {
            let sql = pin_settings(ServerVersion::from_number(number), false);
            assert_eq!(sql.contains("restrict_nonsystem_relation_kind"), restricts, "{number}");
            assert_eq!(
                sql.contains("transaction_timeout = 0; SET") || sql.ends_with("transaction_timeout = 0; "),
                limits_transactions,
                "{number}"
            );
        }
    }
}
