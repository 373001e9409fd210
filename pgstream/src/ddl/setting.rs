//! Configuration settings.

use super::Ddl;

/// Appends `name TO value` from an item of `pg_proc.proconfig` or `pg_db_role_setting.setconfig`.
///
/// A value that the server keeps as a list of names is written name by name: as one string it would be one name.
pub fn render_setting(ddl: &mut Ddl, setting: &str) {
    let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
    ddl.ident(name).sql(" TO ");
    let elements = match is_name_list(name) {
        true => split_name_list(value),
        false => vec![value.to_owned()],
    };
    if elements.is_empty() {
        ddl.literal("");
    }
    for (i, element) in elements.iter().enumerate() {
        ddl.sql(if i > 0 { ", " } else { "" }).literal(element);
    }
}

/// Whether a setting's value is a list of quoted names. The server cannot be asked: these are its `GUC_LIST_QUOTE` variables.
fn is_name_list(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        "local_preload_libraries",
        "oauth_validator_libraries",
        "output_plugin_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    ];
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Splits `a, "B c"` at its commas and takes the quotes away. Case is kept.
fn split_name_list(value: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = value.trim();
    while !rest.is_empty() {
        let (name, behind) = match rest.strip_prefix('"') {
            Some(quoted) => take_quoted(quoted),
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].trim_end().to_owned(), &rest[end..])
            }
        };
        names.push(name);
        rest = behind.trim_start().strip_prefix(',').unwrap_or("").trim_start();
    }
    names
}

/// What stands before the closing quote, and what comes behind it.
fn take_quoted(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c != '"' {
            name.push(c);
        } else if chars.next_if(|(_, next)| *next == '"').is_some() {
            name.push('"');
        } else {
            return (name, &text[at + 1..]);
        }
    }
    (name, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_names_is_quoted_name_by_name() {
        for (setting, expected) in [
            ("search_path=\"$user\", public, \"a\"\"b, c\"", "search_path TO '$user', 'public', 'a\"b, c'"),
            ("search_path=\"\"", "search_path TO ''"),
            ("search_path=", "search_path TO ''"),
            ("DateStyle=ISO, DMY", "\"DateStyle\" TO 'ISO, DMY'"),
            ("my.setting=it's", "\"my.setting\" TO 'it''s'"),
        ] {
            let mut ddl = Ddl::new();
            render_setting(&mut ddl, setting);
            assert_eq!(ddl.as_str(), expected);
        }
    }
}
