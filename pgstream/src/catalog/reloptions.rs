//! Storage parameters: `reloptions` and `attoptions`, as texts `name=value`.

use crate::ddl::{Ddl, identifier};

/// Appends `name=value, …`. `prefix` stands before each name: empty, or `toast.`.
///
/// A value is quoted unless it could be a bare name, since an access method may give any meaning to its digits and signs.
pub(crate) fn render_options(ddl: &mut Ddl, prefix: &'static str, options: &[String]) {
    for (i, option) in options.iter().enumerate() {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        if i > 0 {
            ddl.sql(", ");
        }
        ddl.sql(prefix).ident(name).sql("=");
        match identifier(value) == value {
            true => ddl.ident(value),
            false => ddl.literal(value),
        };
    }
}

/// Appends ` WITH (…)` behind `lead`, a space or a line break; nothing when there are no options.
pub(crate) fn render_with(ddl: &mut Ddl, lead: &'static str, options: &[String], toast_options: &[String]) {
    if options.is_empty() && toast_options.is_empty() {
        return;
    }
    ddl.sql(lead).sql("WITH (");
    render_options(ddl, "", options);
    if !options.is_empty() && !toast_options.is_empty() {
        ddl.sql(", ");
    }
    render_options(ddl, "toast.", toast_options);
    ddl.sql(")");
}

/// Appends the options of a column: numbers stay bare, as the server keeps them.
pub(crate) fn render_column_options(ddl: &mut Ddl, options: &[String]) {
    for (i, option) in options.iter().enumerate() {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        if i > 0 {
            ddl.sql(", ");
        }
        ddl.ident(name).sql("=");
        match is_number(value) {
            true => ddl.deparsed(value),
            false => ddl.literal(value),
        };
    }
}

fn is_number(value: &str) -> bool {
    value.parse::<f64>().is_ok_and(f64::is_finite) && value.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(options: &[&str]) -> Vec<String> {
        options.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn values_are_quoted_unless_they_could_be_names() {
        let mut ddl = Ddl::new();
        render_with(&mut ddl, "\n", &texts(&["fillfactor=70", "user_catalog_table=true"]), &texts(&["autovacuum_enabled=off"]));
        assert_eq!(ddl.as_str(), "\nWITH (fillfactor='70', user_catalog_table='true', toast.autovacuum_enabled=off)");
    }

    #[test]
    fn no_options_give_no_clause() {
        let mut ddl = Ddl::new();
        render_with(&mut ddl, " ", &[], &[]);
        assert!(ddl.is_empty());
    }

    #[test]
    fn a_column_option_is_bare_only_if_it_is_a_number() {
        let mut ddl = Ddl::new();
        render_column_options(&mut ddl, &texts(&["n_distinct=-0.5", "n_distinct_inherited=1); drop table t; --"]));
        assert_eq!(ddl.as_str(), "n_distinct=-0.5, n_distinct_inherited='1); drop table t; --'");
    }
}
