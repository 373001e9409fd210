//! One SQL file for every server: lines that only some servers understand carry a tag.
//!
//! * `… -- @since 14` keeps the line on 14 and newer.
//! * `-- @before 14: …` puts the rest of the line in, on 13 and older.
//!
//! The file as it stands is what the newest server runs.

/// Fits `sql` to a server of version `major`.
pub(crate) fn for_version(sql: &str, major: u32) -> String {
    let mut fitted = String::with_capacity(sql.len());
    for line in sql.lines() {
        if let Some(line) = fit_line(line, major) {
            fitted.push_str(line);
            fitted.push('\n');
        }
    }
    fitted
}

fn fit_line(line: &str, major: u32) -> Option<&str> {
    if let Some(rest) = line.trim_start().strip_prefix("-- @before ") {
        let (version, replacement) =
            rest.split_once(':').expect("`-- @before N: sql` has a colon, as a test over all files shows");
        return (major < parse(version)).then_some(replacement);
    }
    if line.trim_start().starts_with("--") {
        return None;
    }
    match line.split_once("-- @since ") {
        Some((sql, version)) => (major >= parse(version)).then_some(sql),
        None => Some(line),
    }
}

fn parse(version: &str) -> u32 {
    version.trim().parse().expect("a tag names a major version, as a test over all files shows")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQL: &str = "-- head\nselect a\n     , b as b -- @since 14\n  -- @before 14: , '' as b\n  from t";

    #[test]
    fn a_line_of_a_newer_server_is_replaced_on_an_older_one() {
        assert_eq!(for_version(SQL, 13), "select a\n , '' as b\n  from t\n");
        assert_eq!(for_version(SQL, 14), "select a\n     , b as b \n  from t\n");
    }
}
