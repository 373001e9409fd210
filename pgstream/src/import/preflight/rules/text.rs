//! Encodings, locales and names.

use super::super::facts::LocaleFacts;
use super::super::finding::{Finding, list};
use super::Situation;

/// Encodings that cannot hold each other's characters.
pub(super) fn encoding(situation: &Situation<'_>) -> Vec<Finding> {
    let Some(source) = situation.source else { return Vec::new() };
    let (from, to) = (source.server.encoding.as_str(), situation.target.server.encoding.as_str());
    let what = format!("the source is encoded in {from} and the target in {to}");
    let remedy = format!("Make the target with the source's encoding: CREATE DATABASE … TEMPLATE template0 ENCODING '{from}'.");
    match (from, to) {
        (from, to) if from == to => Vec::new(),
        ("SQL_ASCII", _) => {
            vec![Finding::warning(
                format!("{what}; the source's text may be in any encoding, and what is no {to} is refused row by row"),
                remedy,
            )]
        }
        (_, "SQL_ASCII") => {
            vec![Finding::warning(format!("{what}; the target takes any bytes and sorts and measures them as such"), remedy)]
        }
        (_, "UTF8") => vec![Finding::note(what, "Nothing has to be done: UTF8 holds every character of the source.")],
        ("UTF8", _) => vec![Finding::error(format!("{what}, which does not hold all of its characters"), remedy)],
        _ => vec![Finding::warning(format!("{what}, which may not hold all of its characters"), remedy)],
    }
}

/// Locales that sort or classify differently.
pub(super) fn locale(situation: &Situation<'_>) -> Vec<Finding> {
    let Some(source) = situation.source else { return Vec::new() };
    let (from, to) = (&source.server.locale, &situation.target.server.locale);
    let named = |locale: &LocaleFacts| {
        (locale.provider, spelled(&locale.collation), spelled(&locale.character_type), locale.locale.clone())
    };
    if named(from) == named(to) {
        return Vec::new();
    }
    let what = format!("the source's locale is {} and the target's {}", describe(from), describe(to));
    vec![Finding::warning(
        what,
        "Text sorts differently in the target, and range partitions or checks on text may refuse rows. To keep the order, make \
         the target with the source's locale.",
    )]
}

/// `C.UTF-8` and `C.utf8` are one locale.
fn spelled(locale: &str) -> String {
    locale.to_lowercase().replace("utf-8", "utf8")
}

fn describe(locale: &LocaleFacts) -> String {
    let provider = match locale.provider {
        'i' => "icu",
        'b' => "builtin",
        _ => "libc",
    };
    let mut names = vec![locale.collation.as_str()];
    if locale.character_type != locale.collation {
        names.push(&locale.character_type);
    }
    if !locale.locale.is_empty() {
        names.insert(0, &locale.locale);
    }
    format!("{provider} {}", list(names))
}

/// A database whose order is not that of its system any more, and ends that order differently under one name.
pub(super) fn collation_version(situation: &Situation<'_>) -> Vec<Finding> {
    let source = situation.source.map(|source| ("source", &source.server));
    let mut found = Vec::new();
    for (end, server) in source.into_iter().chain([("target", &situation.target.server)]) {
        if let (Some(recorded), Some(actual)) = (&server.locale.version, &server.locale.actual_version)
            && recorded != actual
        {
            let database = crate::name::display_part(&crate::ddl::identifier(&server.database));
            found.push(Finding::warning(
                format!("the {end} was made with version {recorded} of its collation and its system has {actual}"),
                format!(
                    "Indexes on text may be wrong there: REINDEX DATABASE {database}; \
                     ALTER DATABASE {database} REFRESH COLLATION VERSION;"
                ),
            ));
        }
    }
    let versions = |locale: &LocaleFacts| locale.actual_version.clone();
    if let Some((_, server)) = source
        && let (Some(here), Some(there)) = (versions(&server.locale), versions(&situation.target.server.locale))
        && here != there
        && server.locale.provider == situation.target.server.locale.provider
    {
        found.push(Finding::note(
            format!("the source's collation has version {here} and the target's {there}"),
            "Nothing has to be done for indexes, which are built anew. Some text may sort differently.",
        ));
    }
    found
}

/// Names that the target would cut off.
pub(super) fn identifier_length(situation: &Situation<'_>) -> Vec<Finding> {
    let (name, limit) = (&situation.wanted.longest_name, situation.target.server.max_identifier_length);
    match name.len() > limit {
        true => vec![Finding::error(
            format!("names in the target have at most {limit} bytes; {} has {}", crate::name::display_part(name), name.len()),
            "Use a target that was built with the usual length of names, or rename the object.",
        )],
        false => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::preflight::Severity;
    use crate::import::preflight::samples::{Sample, errors};

    #[test]
    fn an_encoding_must_hold_what_the_source_has() {
        for (from, to, expected) in [
            ("UTF8", "UTF8", None),
            ("LATIN1", "UTF8", Some(Severity::Note)),
            ("UTF8", "LATIN1", Some(Severity::Error)),
            ("LATIN1", "LATIN9", Some(Severity::Warning)),
            ("SQL_ASCII", "UTF8", Some(Severity::Warning)),
            ("UTF8", "SQL_ASCII", Some(Severity::Warning)),
        ] {
            let mut sample = Sample::new();
            sample.source.server.encoding = from.into();
            sample.target.server.encoding = to.into();
            assert_eq!(sample.find(encoding).first().map(|finding| finding.severity), expected, "{from} to {to}");
        }
    }

    #[test]
    fn another_locale_is_a_warning_and_another_spelling_is_none() {
        let mut sample = Sample::new();
        let locale_of = |collation: &str, provider| LocaleFacts {
            provider,
            collation: collation.into(),
            character_type: collation.into(),
            ..LocaleFacts::default()
        };
        sample.source.server.locale = locale_of("C.UTF-8", 'c');
        sample.target.server.locale = locale_of("C.utf8", 'c');
        assert!(sample.find(locale).is_empty());
        sample.target.server.locale = locale_of("de_DE.UTF-8", 'i');
        assert_eq!(sample.find(locale)[0].what, "the source's locale is libc C.UTF-8 and the target's icu de_DE.UTF-8");
    }

    #[test]
    fn versions_of_collations_are_compared_within_and_between_the_ends() {
        let mut sample = Sample::new();
        sample.source.server.locale.version = Some("2.31".into());
        sample.source.server.locale.actual_version = Some("2.36".into());
        sample.target.server.locale.version = Some("2.40".into());
        sample.target.server.locale.actual_version = Some("2.40".into());
        let severities: Vec<_> = sample.find(collation_version).iter().map(|finding| finding.severity).collect();
        assert_eq!(severities, [Severity::Warning, Severity::Note]);
        assert!(Sample::new().find(collation_version).is_empty());
    }

    #[test]
    fn a_name_that_would_be_cut_off_is_an_error() {
        let mut sample = Sample::new();
        sample.add("TABLE", "a_rather_long_name", "CREATE TABLE public.a_rather_long_name ();");
        assert!(sample.find(identifier_length).is_empty());
        sample.target.server.max_identifier_length = 10;
        assert_eq!(
            errors(&sample.find(identifier_length)),
            ["names in the target have at most 10 bytes; a_rather_long_name has 18"]
        );
    }
}
