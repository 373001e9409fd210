//! String constants.

/// Quotes `value` as a string constant for `standard_conforming_strings = on`.
pub fn literal(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('\'');
    for c in value.chars() {
        if c == '\'' {
            quoted.push('\'');
        }
        quoted.push(c);
    }
    quoted.push('\'');
    quoted
}

/// Bytes as a string constant in the hexadecimal form of `bytea`.
pub fn bytea_literal(value: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut quoted = String::with_capacity(value.len() * 2 + 4);
    quoted.push_str("'\\x");
    for byte in value {
        quoted.push(char::from(DIGITS[usize::from(byte >> 4)]));
        quoted.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    quoted.push('\'');
    quoted
}

/// Quotes `body` between dollars. The tag grows from `$$` over `$_$`, `$_X$` … until the opening delimiter without its last
/// `$` does not occur in the body, which is the rule that `pg_dump` follows, so that the texts can be compared.
pub fn dollar_quoted(body: &str) -> String {
    const SUFFIX: [char; 8] = ['_', 'X', 'X', 'X', 'X', 'X', 'X', 'X'];
    let mut open = String::from("$");
    for c in SUFFIX.iter().cycle() {
        if !body.contains(&open) {
            break;
        }
        open.push(*c);
    }
    open.push('$');
    format!("{open}{body}{open}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_two_digits_each() {
        assert_eq!(bytea_literal(&[0, 127, 255]), r"'\x007fff'");
    }

    #[test]
    fn quotes_are_doubled_and_backslashes_are_left_alone() {
        assert_eq!(literal(r"it's a \n"), r"'it''s a \n'");
    }

    #[test]
    fn the_dollar_tag_does_not_occur_in_the_body() {
        assert_eq!(dollar_quoted("select 1"), "$$select 1$$");
        assert_eq!(dollar_quoted("select $1"), "$_$select $1$_$");
        assert_eq!(dollar_quoted("$_$"), "$_X$$_$$_X$");
    }
}
