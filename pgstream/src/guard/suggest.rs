//! Which name was probably meant.

/// The name that needs the fewest changes to become `wanted`, if those are few.
pub(crate) fn nearest<'a>(wanted: &str, names: &[&'a str]) -> Option<&'a str> {
    let limit = (wanted.chars().count() / 3).clamp(1, 3);
    let close = names.iter().map(|name| (distance(wanted, name), *name)).filter(|(d, _)| *d <= limit);
    // `prod` means `production`.
    let begins = names.iter().filter(|name| wanted.len() >= 3 && name.starts_with(wanted)).map(|name| (limit, *name));
    close.chain(begins).min().map(|(_, name)| name)
}

/// Insertions, deletions, replacements.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_typo_finds_its_name_and_nonsense_finds_none() {
        let names = ["dev", "local", "production", "staging"];
        let cases = [("stagign", Some("staging")), ("prodction", Some("production")), ("prod", Some("production"))];
        for (wanted, expected) in cases.into_iter().chain([("lcal", Some("local")), ("warehouse", None), ("", None)]) {
            assert_eq!(nearest(wanted, &names), expected, "{wanted}");
        }
    }
}
