//! One SQL file for every server: lines that only some servers understand carry a tag.
//!
//! * `… -- @since 14` keeps the line on 14 and newer.
//! * `-- @before 14: …` puts the rest of the line in, on 13 and older.
//! * `-- @between 15 17: …` puts the rest of the line in, on 15 and 16.
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
    if let Some(rest) = line.trim_start().strip_prefix("-- @between ") {
        let (versions, replacement) =
            rest.split_once(':').expect("`-- @between N M: sql` has a colon, as a test over all files shows");
        let (first, end) = versions.split_once(' ').expect("`@between` names two versions, as a test over all files shows");
        return (parse(first)..parse(end)).contains(&major).then_some(replacement);
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

    #[test]
    fn a_line_of_some_servers_between_is_left_out_on_all_others() {
        let given = |major| !for_version("-- @between 15 17: , c\n", major).is_empty();
        assert_eq!([14, 15, 16, 17].map(given), [false, true, true, false]);
    }
}
