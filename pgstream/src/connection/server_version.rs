//! Versions of PostgreSQL, and by name what each of them can do.

use std::fmt;

/// A server's version, as in `server_version_num`: 150018 is 15.18.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerVersion(u32);

impl ServerVersion {
    /// The oldest and the newest major version that pgstream is tested with.
    pub const SUPPORTED: std::ops::RangeInclusive<u32> = 13..=18;

    /// From `server_version_num`.
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// From `server_version`, which may be `15.18 (Debian 15.18-1)`, `18beta1` or `9.6.24`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(|part| {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..digits].parse::<u32>().ok()
        });
        let major = parts.next()??;
        let minor = parts.next().flatten().unwrap_or(0);
        let patch = parts.next().flatten().unwrap_or(0);
        Some(Self(if major >= 10 { major * 10_000 + minor } else { major * 10_000 + minor * 100 + patch }))
    }

    /// `server_version_num`.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// 15 of 15.18.
    pub const fn major(self) -> u32 {
        self.0 / 10_000
    }

    /// Whether pgstream is tested with this major version.
    pub fn is_supported(self) -> bool {
        Self::SUPPORTED.contains(&self.major())
    }

    /// Scans by ranges of ctid read only those pages.
    pub const fn has_tid_range_scan(self) -> bool {
        self.major() >= 14
    }

    /// Multiranges exist.
    pub const fn has_multiranges(self) -> bool {
        self.major() >= 14
    }

    /// Columns have a compression method.
    pub const fn has_column_compression(self) -> bool {
        self.major() >= 14
    }

    /// The server reports `in_hot_standby` and `default_transaction_read_only` at login.
    pub const fn reports_hot_standby(self) -> bool {
        self.major() >= 14
    }

    /// Unique indexes can have `NULLS NOT DISTINCT`.
    pub const fn has_nulls_not_distinct(self) -> bool {
        self.major() >= 15
    }

    /// A `"char"` beyond ASCII is shown as a backslash and octal digits; before, as the byte itself.
    pub const fn shows_char_in_octal(self) -> bool {
        self.major() >= 15
    }

    /// Publications can name columns, filter rows and cover schemas.
    pub const fn has_publication_filters(self) -> bool {
        self.major() >= 15
    }

    /// `idle_session_timeout` exists.
    pub const fn has_idle_session_timeout(self) -> bool {
        self.major() >= 14
    }

    /// `transaction_timeout` exists.
    pub const fn has_transaction_timeout(self) -> bool {
        self.major() >= 17
    }

    /// `event_triggers` can be switched off in a session.
    pub const fn has_event_triggers_setting(self) -> bool {
        self.major() >= 17
    }

    /// TLS can begin without an SSLRequest.
    pub const fn has_direct_tls(self) -> bool {
        self.major() >= 17
    }

    /// Statistics can be carried over (`pg_restore_relation_stats`).
    pub const fn has_statistics_import(self) -> bool {
        self.major() >= 18
    }

    /// `NOT NULL` constraints are rows of `pg_constraint`.
    pub const fn has_not_null_constraints(self) -> bool {
        self.major() >= 18
    }

    /// Generated columns can be virtual.
    pub const fn has_virtual_columns(self) -> bool {
        self.major() >= 18
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.major() >= 10 {
            write!(f, "{}.{}", self.major(), self.0 % 10_000)
        } else {
            write!(f, "{}.{}.{}", self.major(), self.0 / 100 % 100, self.0 % 100)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_calls_itself_is_understood() {
        let cases = [
            ("15.18 (Debian 15.18-1.pgdg12+1)", 150_018, "15.18"),
            ("18beta1", 180_000, "18.0"),
            ("19devel", 190_000, "19.0"),
            ("9.6.24", 90_624, "9.6.24"),
        ];
        for (text, number, shown) in cases {
            let version = ServerVersion::parse(text).expect(text);
            assert_eq!((version.number(), version.to_string().as_str()), (number, shown));
        }
        assert_eq!(ServerVersion::parse("CockroachDB"), None);
    }
}
